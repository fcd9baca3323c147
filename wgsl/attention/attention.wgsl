// o = dropout(softmax(scale · q kᵀ + bias + mask)) v for every head, o being [batch, queries, heads, dim]. k and v lie in one
// tensor, [batch, keys, 2, heads, dim], and q in one like o; or all three in one, [batch, tokens, 3, heads, dim], bound
// twice. The queries × keys matrix is never stored: forward keeps a running maximum and sum for each query (online
// softmax) and leaves lse = ln Σ exp, from which the gradients compute the probabilities again:
//   p = exp(s - lse),  p' = dropout(p),   dv = p'ᵀ do,   dp = dropout'(do vᵀ),   ds = p (dp - Σ do o),
//   dq = scale · ds k,   dk = scale · dsᵀ q,   dbias = ds, summed over the samples that share it
// One invocation computes four queries of a head (forward, grad_q), four keys (grad_kv), or both (grad_bias); a matrix
// holds four queries by four keys, or four tokens by four elements of dim. So much for one invocation, with arrays of its
// own and no workgroup memory, suits processors; GPUs take tiles_*.wgsl.
// Needs: operands.wgsl, access_vec4.wgsl or access_scalar.wgsl; matmul/multiply_add.wgsl, lib/philox.wgsl, lib/grid.wgsl
const WG: u32 = 64u;
@group(0) @binding(9) var<storage, read_write> dbias: array<BiasElem>;

fn each(a: mat4x4f, b: mat4x4f) -> mat4x4f { return mat4x4f(a[0] * b[0], a[1] * b[1], a[2] * b[2], a[3] * b[3]); }
fn scale_rows(a: mat4x4f, by: vec4f) -> mat4x4f { return mat4x4f(a[0] * by.x, a[1] * by.y, a[2] * by.z, a[3] * by.w); }
fn sum4(v: vec4f) -> f32 { return v.x + v.y + v.z + v.w; }
fn max4(v: vec4f) -> f32 { return max(max(v.x, v.y), max(v.z, v.w)); }

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
