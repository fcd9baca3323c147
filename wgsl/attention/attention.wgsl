// o = dropout(softmax(scale · q kᵀ + bias + mask)) v for every head, o being [batch, queries, heads, dim]. k and v lie in one
// tensor, [batch, keys, 2, heads, dim], and q in one like o; or all three in one, [batch, tokens, 3, heads, dim], bound
// twice. The queries × keys matrix is never stored: forward keeps a running maximum and sum for each query (online
// softmax) and leaves lse = ln Σ exp, from which the gradients compute the probabilities again:
//   p = exp(s - lse),  p' = dropout(p),   dv = p'ᵀ do,   dp = dropout'(do vᵀ),   ds = p (dp - Σ do o),
//   dq = scale · ds k,   dk = scale · dsᵀ q,   dbias = ds, summed over the samples that share it
// One invocation computes four queries of a head (forward, grad_q), four keys (grad_kv), or both (grad_bias); a matrix
// holds four queries by four keys, or four tokens by four elements of dim.
// Needs: access_vec4.wgsl or access_scalar.wgsl; matmul/multiply_add.wgsl, lib/philox.wgsl, lib/grid.wgsl
alias Elem = f32;
const WG: u32 = 64u;
const DIM: u32 = 64u;
const DIM4: u32 = (DIM + 3u) / 4u;
const DROPOUT: bool = false;
const BIASED: bool = false;
alias BiasElem = f32;
// True where a query sees only some of the keys around its own place.
const LOCAL: bool = false;
const LOWEST: f32 = -3.4028234e38;

// `count` invocations: `blocks` of four queries, or of four keys, a head of a sample. A token has `q_parts` rows of heads
// in the tensor of q, which is the first of them, and `kv_parts` in that of k and v, which are the last two. Where LOCAL, a
// query sees the keys from `behind` before its own place to `ahead` after it. Of `biases` samples each has a bias of its
// own: all of them, or one that serves all.
struct Params { count: u32, blocks: u32, batch: u32, heads: u32, queries: u32, keys: u32, q_parts: u32, kv_parts: u32, masked: u32, ahead: u32, behind: u32, biases: u32, scale: f32, key0: u32, key1: u32, layer: u32, step: u32, threshold: u32, factor: f32 }
@group(0) @binding(0) var<uniform> params: Params;

@group(0) @binding(4) var<storage, read> mask: array<u32>; // [batch, keys], 0 for keys to leave out
// lse and Σ do o of every block of four queries.
@group(0) @binding(5) var<storage, read_write> stats: array<vec4f>; // [batch, heads, blocks, 2]
@group(0) @binding(8) var<storage, read> bias: array<BiasElem>; // [biases, heads, queries, keys]
@group(0) @binding(9) var<storage, read_write> dbias: array<BiasElem>;

// The place of an invocation: four queries or keys of a head of a sample, from `first` on.
struct Place { batch: u32, head: u32, first: u32 }
fn place_of(id: u32) -> Place {
  let pair = id / params.blocks;
  return Place(pair / params.heads, pair % params.heads, id % params.blocks * 4u);
}
// Rows of dim elements; those beyond the last query or key repeat it.
fn query_of(at: Place, query: u32) -> u32 { return at.batch * params.queries + min(query, params.queries - 1u); }
fn key_of(at: Place, key: u32) -> u32 { return at.batch * params.keys + min(key, params.keys - 1u); }
fn o_row(at: Place, query: u32) -> u32 { return query_of(at, query) * params.heads + at.head; }
fn q_row(at: Place, query: u32) -> u32 { return query_of(at, query) * params.q_parts * params.heads + at.head; }
fn k_row(at: Place, key: u32) -> u32 { return (key_of(at, key) * params.kv_parts + params.kv_parts - 2u) * params.heads + at.head; }
fn v_row(at: Place, key: u32) -> u32 { return k_row(at, key) + params.heads; }
// The index into stats of the four queries from `query` on.
fn stats_of(at: Place, query: u32) -> u32 {
  return 2u * ((at.batch * params.heads + at.head) * ((params.queries + 3u) / 4u) + query / 4u);
}

// True for those of four keys that exist and are not masked.
fn kept_keys(at: Place, key: u32) -> vec4<bool> {
  let keys = vec4u(key, key + 1u, key + 2u, key + 3u);
  let inside = keys < vec4u(params.keys);
  if (params.masked == 0u) { return inside; }
  let i = at.batch * params.keys + min(keys, vec4u(params.keys - 1u));
  return inside & (vec4u(mask[i.x], mask[i.y], mask[i.z], mask[i.w]) != vec4u(0u));
}

// True for those of four keys that a query sees from its place, existing or not.
fn seen(query: u32, key: u32) -> vec4<bool> {
  if (!LOCAL) { return vec4<bool>(true); }
  let keys = vec4u(key, key + 1u, key + 2u, key + 3u);
  return (keys <= vec4u(query + params.ahead)) & (keys + params.behind >= vec4u(query));
}
// The keys that four queries from `first` on see lie in the fours that begin from x up to, but not including, y.
fn keys_seen(first: u32) -> vec2u {
  if (!LOCAL) { return vec2u(0u, params.keys); }
  return vec2u((first - min(first, params.behind)) / 4u * 4u, min(params.keys, first + 4u + params.ahead));
}
// And the queries that see any of four keys.
fn queries_seeing(first: u32) -> vec2u {
  if (!LOCAL) { return vec2u(0u, params.queries); }
  return vec2u((first - min(first, params.ahead)) / 4u * 4u, min(params.queries, first + 4u + params.behind));
}

// The place of four keys of one query in a bias.
fn bias_at(at: Place, query: u32, key: u32) -> vec4u {
  let row = ((at.batch % params.biases) * params.heads + at.head) * params.queries + min(query, params.queries - 1u);
  return row * params.keys + min(vec4u(key, key + 1u, key + 2u, key + 3u), vec4u(params.keys - 1u));
}
fn load_bias(at: Place, query: u32, key: u32) -> vec4f {
  let i = bias_at(at, query, key);
  return vec4f(f32(bias[i.x]), f32(bias[i.y]), f32(bias[i.z]), f32(bias[i.w]));
}

// The factor of dropout for four keys of one query: 0, or 1 / (1 - probability).
fn drop_factor(at: Place, query: u32, key: u32) -> vec4f {
  if (!DROPOUT) { return vec4f(1.0); }
  let row = (at.batch * params.heads + at.head) * params.queries + query;
  let kept = keep4(row * ((params.keys + 3u) / 4u) + key / 4u, vec4u(params.key0, params.key1, params.layer, params.step), params.threshold);
  return select(vec4f(0.0), vec4f(params.factor), kept);
}
fn drop_factors(at: Place, query: u32, key: u32) -> mat4x4f {
  return mat4x4f(drop_factor(at, query, key), drop_factor(at, query + 1u, key), drop_factor(at, query + 2u, key), drop_factor(at, query + 3u, key));
}

fn each(a: mat4x4f, b: mat4x4f) -> mat4x4f { return mat4x4f(a[0] * b[0], a[1] * b[1], a[2] * b[2], a[3] * b[3]); }
fn scale_rows(a: mat4x4f, by: vec4f) -> mat4x4f { return mat4x4f(a[0] * by.x, a[1] * by.y, a[2] * by.z, a[3] * by.w); }
fn sum4(v: vec4f) -> f32 { return v.x + v.y + v.z + v.w; }
fn max4(v: vec4f) -> f32 { return max(max(v.x, v.y), max(v.z, v.w)); }

fn block_q(at: Place, query: u32, d: u32) -> mat4x4f {
  return mat4x4f(load_q(q_row(at, query), d), load_q(q_row(at, query + 1u), d), load_q(q_row(at, query + 2u), d), load_q(q_row(at, query + 3u), d));
}
fn block_k(at: Place, key: u32, d: u32) -> mat4x4f {
  return mat4x4f(load_kv(k_row(at, key), d), load_kv(k_row(at, key + 1u), d), load_kv(k_row(at, key + 2u), d), load_kv(k_row(at, key + 3u), d));
}
fn block_v(at: Place, key: u32, d: u32) -> mat4x4f {
  return mat4x4f(load_kv(v_row(at, key), d), load_kv(v_row(at, key + 1u), d), load_kv(v_row(at, key + 2u), d), load_kv(v_row(at, key + 3u), d));
}
fn block_dy(at: Place, query: u32, d: u32) -> mat4x4f {
  return mat4x4f(load_dy(o_row(at, query), d), load_dy(o_row(at, query + 1u), d), load_dy(o_row(at, query + 2u), d), load_dy(o_row(at, query + 3u), d));
}

// Scores of four queries (rows) with four keys.
fn scores(at: Place, query: u32, key: u32) -> mat4x4f {
  var s = mat4x4f();
  for (var d = 0u; d < DIM4; d++) { s = multiply_add(s, block_q(at, query, d), transpose(block_k(at, key, d))); }
  if (!BIASED) { return s * params.scale; }
  return s * params.scale + mat4x4f(load_bias(at, query, key), load_bias(at, query + 1u, key), load_bias(at, query + 2u, key), load_bias(at, query + 3u, key));
}
// Probabilities of four queries with four keys, from the saved log-sum-exp.
fn probabilities(at: Place, query: u32, key: u32, lse_of_queries: vec4f) -> mat4x4f {
  let s = scores(at, query, key);
  let kept = kept_keys(at, key);
  let zero = vec4f(0.0);
  return mat4x4f(
    select(zero, exp(s[0] - lse_of_queries.x), kept & seen(query, key)),
    select(zero, exp(s[1] - lse_of_queries.y), kept & seen(query + 1u, key) & vec4<bool>(query + 1u < params.queries)),
    select(zero, exp(s[2] - lse_of_queries.z), kept & seen(query + 2u, key) & vec4<bool>(query + 2u < params.queries)),
    select(zero, exp(s[3] - lse_of_queries.w), kept & seen(query + 3u, key) & vec4<bool>(query + 3u < params.queries)));
}
// Gradients of the scores, before the scale.
fn score_grads(at: Place, query: u32, key: u32, p: mat4x4f, factors: mat4x4f, delta_of_queries: vec4f) -> mat4x4f {
  var dp = mat4x4f();
  for (var d = 0u; d < DIM4; d++) { dp = multiply_add(dp, block_dy(at, query, d), transpose(block_v(at, key, d))); }
  dp = each(dp, factors);
  return each(p, mat4x4f(dp[0] - delta_of_queries.x, dp[1] - delta_of_queries.y, dp[2] - delta_of_queries.z, dp[3] - delta_of_queries.w));
}

// Four rows of the output, `step` apart from `first` on, of which `count` are there.
fn store_rows(first: u32, step: u32, count: u32, d: u32, block: mat4x4f) {
  store_row(first, d, block[0]);
  if (count > 1u) { store_row(first + step, d, block[1]); }
  if (count > 2u) { store_row(first + 2u * step, d, block[2]); }
  if (count > 3u) { store_row(first + 3u * step, d, block[3]); }
}

@compute @workgroup_size(WG)
fn forward(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let id = flat_group(group, groups) * WG + lane;
  if (id >= params.count) { return; }
  let at = place_of(id);
  var top = vec4f(LOWEST);
  var total = vec4f(0.0);
  var none = vec4<bool>(true); // of the keys so far takes part
  var y: array<mat4x4f, DIM4>;
  let range = keys_seen(at.first);
  for (var key = range.x; key < range.y; key += 4u) {
    let s = scores(at, at.first, key);
    let kept = kept_keys(at, key);
    let kept0 = kept & seen(at.first, key);
    let kept1 = kept & seen(at.first + 1u, key);
    let kept2 = kept & seen(at.first + 2u, key);
    let kept3 = kept & seen(at.first + 3u, key);
    none = none & !vec4<bool>(any(kept0), any(kept1), any(kept2), any(kept3));
    let low = vec4f(LOWEST);
    let higher = max(top, vec4f(max4(select(low, s[0], kept0)), max4(select(low, s[1], kept1)), max4(select(low, s[2], kept2)), max4(select(low, s[3], kept3))));
    let zero = vec4f(0.0);
    let p = mat4x4f(
      select(zero, exp(s[0] - higher.x), kept0), select(zero, exp(s[1] - higher.y), kept1),
      select(zero, exp(s[2] - higher.z), kept2), select(zero, exp(s[3] - higher.w), kept3));
    let shrink = exp(top - higher);
    total = total * shrink + vec4f(sum4(p[0]), sum4(p[1]), sum4(p[2]), sum4(p[3]));
    top = higher;
    let dropped = each(p, drop_factors(at, at.first, key));
    for (var d = 0u; d < DIM4; d++) { y[d] = multiply_add(scale_rows(y[d], shrink), dropped, block_v(at, key, d)); }
  }
  // A query none of whose keys take part attends to nothing: its output is 0, and so are its probabilities. One whose
  // scores are all minus infinity has a total of 0 as well, but is NaN.
  let inverse = select(1.0 / total, vec4f(0.0), none);
  for (var d = 0u; d < DIM4; d++) { store_rows(o_row(at, at.first), params.heads, params.queries - at.first, d, scale_rows(y[d], inverse)); }
  stats[stats_of(at, at.first)] = select(top + log(total), vec4f(-LOWEST), none);
}

fn delta_of(row: u32) -> f32 {
  var total = 0.0;
  for (var d = 0u; d < DIM4; d++) { total += dot(load_dy(row, d), load_o(row, d)); }
  return total;
}

@compute @workgroup_size(WG)
fn grad_q(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let id = flat_group(group, groups) * WG + lane;
  if (id >= params.count) { return; }
  let at = place_of(id);
  let delta_of_queries = vec4f(
    delta_of(o_row(at, at.first)), delta_of(o_row(at, at.first + 1u)),
    delta_of(o_row(at, at.first + 2u)), delta_of(o_row(at, at.first + 3u)));
  let place = stats_of(at, at.first);
  let lse_of_queries = stats[place];
  stats[place + 1u] = delta_of_queries;
  var dq: array<mat4x4f, DIM4>;
  let range = keys_seen(at.first);
  for (var key = range.x; key < range.y; key += 4u) {
    let p = probabilities(at, at.first, key, lse_of_queries);
    let ds = score_grads(at, at.first, key, p, drop_factors(at, at.first, key), delta_of_queries);
    for (var d = 0u; d < DIM4; d++) { dq[d] = multiply_add(dq[d], ds, block_k(at, key, d)); }
  }
  let step = params.q_parts * params.heads;
  for (var d = 0u; d < DIM4; d++) { store_rows(q_row(at, at.first), step, params.queries - at.first, d, dq[d] * params.scale); }
}

@compute @workgroup_size(WG)
fn grad_kv(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let id = flat_group(group, groups) * WG + lane;
  if (id >= params.count) { return; }
  let at = place_of(id);
  var dk: array<mat4x4f, DIM4>;
  var dv: array<mat4x4f, DIM4>;
  let range = queries_seeing(at.first);
  for (var query = range.x; query < range.y; query += 4u) {
    let lse_of_queries = stats[stats_of(at, query)];
    let delta_of_queries = stats[stats_of(at, query) + 1u];
    let p = probabilities(at, query, at.first, lse_of_queries);
    let factors = drop_factors(at, query, at.first);
    let ds = transpose(score_grads(at, query, at.first, p, factors, delta_of_queries));
    let dropped = transpose(each(p, factors));
    for (var d = 0u; d < DIM4; d++) {
      dk[d] = multiply_add(dk[d], ds, block_q(at, query, d));
      dv[d] = multiply_add(dv[d], dropped, block_dy(at, query, d));
    }
  }
  let step = params.kv_parts * params.heads;
  for (var d = 0u; d < DIM4; d++) {
    store_rows(k_row(at, at.first), step, params.keys - at.first, d, dk[d] * params.scale);
    store_rows(v_row(at, at.first), step, params.keys - at.first, d, dv[d]);
  }
}

fn store_bias_grads(at: Place, query: u32, key: u32, grads: vec4f) {
  if (query >= params.queries) { return; }
  let i = bias_at(at, query, key);
  dbias[i.x] = BiasElem(grads.x);
  if (key + 1u < params.keys) { dbias[i.y] = BiasElem(grads.y); }
  if (key + 2u < params.keys) { dbias[i.z] = BiasElem(grads.z); }
  if (key + 3u < params.keys) { dbias[i.w] = BiasElem(grads.w); }
}

// `blocks` of four keys, for every four queries of every head of every bias. grad_q has left Σ do o in stats.
@compute @workgroup_size(WG)
fn grad_bias(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let id = flat_group(group, groups) * WG + lane;
  if (id >= params.count) { return; }
  let query_blocks = (params.queries + 3u) / 4u;
  let key = id % params.blocks * 4u;
  let query = id / params.blocks % query_blocks * 4u;
  let pair = id / params.blocks / query_blocks;
  let head = pair % params.heads;
  var total = mat4x4f();
  for (var batch = pair / params.heads; batch < params.batch; batch += params.biases) {
    let at = Place(batch, head, query);
    let place = stats_of(at, query);
    let p = probabilities(at, query, key, stats[place]);
    total += score_grads(at, query, key, p, drop_factors(at, query, key), stats[place + 1u]);
  }
  let at = Place(pair / params.heads, head, query);
  store_bias_grads(at, query, key, total[0]);
  store_bias_grads(at, query + 1u, key, total[1]);
  store_bias_grads(at, query + 2u, key, total[2]);
  store_bias_grads(at, query + 3u, key, total[3]);
}
