// forward      y[p] = x[ids[p]]
// sum_chunks   sums[c] = sum of dy[order[k]], k in chunk c: positions of one row, in their order
// add_rows     dx[taken[t]] += sum of chunk_sums[c], c in the chunks of row t of those taken
// x and dx are bound as rows `first` up to `end`.   One invocation one pack of what is read or summed.
// Needs: lib/grid.wgsl
alias Elem = f32;
alias Pack = Elem; // or vec4<Elem>: of y
alias Row = f32; // or vec4<f32>, u32, ..: a pack of x
alias Sum = f32; // or vec4f
const WG: u32 = 64u;

// width: packs of a row
struct Params { count: u32, width: u32, first: u32, end: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> ids: array<u32>;
@group(0) @binding(2) var<storage, read> x: array<Row>;
@group(0) @binding(3) var<storage, read_write> y: array<Pack>;

@compute @workgroup_size(WG)
fn forward(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = flat_group(group, groups) * WG + lane;
  if (i >= params.count) { return; }
  let row = ids[i / params.width];
  if (row >= params.first && row < params.end) {
    y[i] = Pack(x[(row - params.first) * params.width + i % params.width]);
  }
}

@group(0) @binding(1) var<storage, read> order: array<u32>;
@group(0) @binding(2) var<storage, read> chunk_starts: array<u32>;
@group(0) @binding(3) var<storage, read> dy: array<Pack>;
@group(0) @binding(4) var<storage, read_write> sums: array<Sum>;

@compute @workgroup_size(WG)
fn sum_chunks(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = flat_group(group, groups) * WG + lane;
  if (i >= params.count) { return; }
  let chunk = i / params.width;
  let column = i % params.width;
  let last = chunk_starts[chunk + 1u];
  var total = Sum();
  for (var k = chunk_starts[chunk]; k < last; k++) { total += Sum(dy[order[k] * params.width + column]); }
  sums[i] = total;
}

@group(0) @binding(1) var<storage, read> taken: array<u32>;
@group(0) @binding(2) var<storage, read> row_starts: array<u32>;
@group(0) @binding(3) var<storage, read> chunk_sums: array<Sum>;
@group(0) @binding(4) var<storage, read_write> dx: array<Row>;

@compute @workgroup_size(WG)
fn add_rows(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = flat_group(group, groups) * WG + lane;
  if (i >= params.count) { return; }
  let t = i / params.width;
  let row = taken[t];
  if (row < params.first || row >= params.end) { return; }
  let column = i % params.width;
  let last = row_starts[t + 1u];
  var total = Sum();
  for (var c = row_starts[t]; c < last; c++) { total += chunk_sums[c * params.width + column]; }
  dx[(row - params.first) * params.width + column] += Row(total);
}
