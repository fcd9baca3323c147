// Scores of relative positions (DeBERTa): what a query says of a place relative to it, and what that place says of a key,
//   y[b, h, q, k] = scale · (x_q[h, b, q, p] + x_k[h, b, k, p]),   p = place(q - k) - first,
// where place is a step function of the distance that never falls. So the keys at one place of a query are neighbours, and
//   dx_q[h, b, q, p] = scale · Σ dy[b, h, q, k] over the k, and dx_k[h, b, k, p] over the q, whose distance has place p.
// One invocation one element of y (forward) or of dx (backward).
// Needs: lib/grid.wgsl
alias Elem = f32;
// Whether there is x_q, and x_k; of backward, whether dx is that of x_q.
const OF_QUERIES: bool = true;
const OF_KEYS: bool = true;
const WG: u32 = 64u;

// `furthest` is the largest distance in the tables; places from `first` on are `places` columns of x.
struct Params { count: u32, batch: u32, heads: u32, queries: u32, keys: u32, places: u32, first: u32, furthest: u32, scale: f32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x_q: array<Elem>; // [heads, batch, queries, places]
@group(0) @binding(2) var<storage, read> x_k: array<Elem>; // [heads, batch, keys, places]
@group(0) @binding(3) var<storage, read> place_of: array<f32>; // of the distances from -furthest to furthest
@group(0) @binding(4) var<storage, read> starts: array<f32>; // for each place the first of its distances, plus furthest; then their end
@group(0) @binding(5) var<storage, read_write> y: array<Elem>; // [batch, heads, queries, keys]
@group(0) @binding(6) var<storage, read> dy: array<Elem>;
@group(0) @binding(7) var<storage, read_write> dx: array<Elem>;

@compute @workgroup_size(WG)
fn forward(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = flat_group(group, groups) * WG + lane;
  if (i >= params.count) { return; }
  let k = i % params.keys;
  let q = i / params.keys % params.queries;
  let pair = i / params.keys / params.queries;
  let row = pair % params.heads * params.batch + pair / params.heads; // of [heads, batch]
  let p = u32(place_of[q + params.furthest - k]) - params.first;
  var total = 0.0;
  if (OF_QUERIES) { total += f32(x_q[(row * params.queries + q) * params.places + p]); }
  if (OF_KEYS) { total += f32(x_k[(row * params.keys + k) * params.places + p]); }
  y[i] = Elem(params.scale * total);
}

@compute @workgroup_size(WG)
fn backward(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = flat_group(group, groups) * WG + lane;
  if (i >= params.count) { return; }
  let p = i % params.places;
  let tokens = select(params.keys, params.queries, OF_QUERIES);
  let token = i / params.places % tokens;
  let row = i / params.places / tokens; // of [heads, batch]
  let at = (row % params.batch * params.heads + row / params.batch) * params.queries; // of [batch, heads, queries]
  // Distances from `first` up to `end` are q - k + furthest.
  let first = u32(starts[params.first + p]);
  let end = u32(starts[params.first + p + 1u]);
  var total = 0.0;
  if (OF_QUERIES) {
    let sum = token + params.furthest; // k = sum - distance
    for (var k = sum + 1u - min(end, sum + 1u); k + first <= sum && k < params.keys; k++) { total += f32(dy[(at + token) * params.keys + k]); }
  } else {
    // q = distance + token - furthest
    for (var d = max(first, params.furthest - min(token, params.furthest)); d < end && d + token - params.furthest < params.queries; d++) {
      total += f32(dy[(at + d + token - params.furthest) * params.keys + token]);
    }
  }
  dx[i] = Elem(params.scale * total);
}
