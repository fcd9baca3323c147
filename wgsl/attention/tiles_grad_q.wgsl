// The gradient of the queries, on GPUs, by tiles, from what forward has left of each query, lse = ln Σ exp:
//   p = e^(s - lse),   delta = Σ do o,   ds = p (dropout'(do vᵀ) - delta),   dq = scale · ds k
// delta goes to stats, for the other gradients. One workgroup TOKENS queries of a head of a sample.
// Needs: tiles.wgsl, tiles_queries.wgsl, operands.wgsl, access_vec4.wgsl; lib/philox.wgsl, lib/grid.wgsl
const SCORES: u32 = 0u; // q kᵀ
const GRADS: u32 = 1u; // do vᵀ
fn four_rows(product: u32, at: Place, query: u32, d: u32) -> Four {
  if (product == SCORES) { return queries_of(at, query, d); }
  return outputs_of(at, query, d);
}
fn load_row(product: u32, i: u32) -> vec4f {
  if (product == SCORES) { return load_q(0u, i) * params.scale; }
  return load_dy(0u, i);
}
fn four_columns(product: u32, at: Place, key: u32, d: u32) -> Four {
  if (product == SCORES) { return keys_of(at, key, d); }
  return values_of(at, key, d);
}
fn load_column(_product: u32, i: u32) -> vec4f { return load_kv(0u, i); }
fn four_weighted(_product: u32, at: Place, key: u32, d: u32) -> Four { return keys_of(at, key, d); }
fn load_weighted(_product: u32, i: u32) -> vec4f { return load_kv(0u, i); }

// What element four x of dim adds to the delta of four queries.
fn delta_part(at: Place, query: u32, x: u32) -> vec4f {
  if (x >= DIM4) { return vec4f(0.0); }
  return vec4f(
    add_delta(0.0, o_row(at, query), x), add_delta(0.0, o_row(at, query + 1u), x),
    add_delta(0.0, o_row(at, query + 2u), x), add_delta(0.0, o_row(at, query + 3u), x));
}
fn lse_of(at: Place, query: u32) -> vec4f { return stats[stats_of(at, min(query, params.queries - 1u))]; }

fn or_zero(s: mat4x4f, by: Attended) -> mat4x4f {
  let zero = vec4f(0.0);
  return mat4x4f(select(zero, s[0], by.by0), select(zero, s[1], by.by1), select(zero, s[2], by.by2), select(zero, s[3], by.by3));
}
// e^(s - less) where attended, else 0.
fn exponentials(s: mat4x4f, less: vec4f, by: Attended) -> mat4x4f {
  return or_zero(mat4x4f(exp(s[0] - less), exp(s[1] - less), exp(s[2] - less), exp(s[3] - less)), by);
}

// p (dp - delta), dp being what dropout has left of do vᵀ.
fn score_grads(p: mat4x4f, dp: mat4x4f, delta: vec4f) -> mat4x4f {
  return mat4x4f(p[0] * (dp[0] - delta), p[1] * (dp[1] - delta), p[2] * (dp[2] - delta), p[3] * (dp[3] - delta));
}

fn store_queries(at: Place, query: u32, x: u32, dq: mat4x4f, delta: vec4f) {
  if (query >= params.queries) { return; }
  if (x == 0u) { stats[stats_of(at, query) + 1u] = delta; }
  if (x >= DIM4) { return; }
  store_rows(q_row(at, query), params.q_parts * params.heads, params.queries - query, x, transpose(dq) * params.scale);
}

@compute @workgroup_size(WG)
fn grad_q(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let id = flat_group(group, groups);
  if (id >= params.count) { return; }
  let at = place_of(id);
  let x = lane / Y;
  let y = lane % Y;
  let query = at.first + 4u * y;
  let second = query + 4u * Y;
  let delta = row_sums(Rows(delta_part(at, query, x), delta_part(at, second, x)), x, y);
  let lse = Rows(lse_of(at, query), lse_of(at, second));
  var dq = Sums();
  let range = keys_seen(at.first);
  for (var tile = range.x; tile < range.y; tile += 4u * TILE4) {
    let key = tile + 4u * x;
    let s = products(SCORES, at, tile, range.y, lane);
    let kept = kept_keys(at, key) & vec4<bool>(x < TILE4);
    // Kept where the invocation itself reads it again, so that registers are free for the second product.
    keep_weights(x, y, Sums(
      exponentials(with_bias(s.upper, at, query, key), lse.upper, attended(query, key, kept)),
      exponentials(with_bias(s.lower, at, second, key), lse.lower, attended(second, key, kept))));
    let dp = products(GRADS, at, tile, range.y, lane);
    let p = kept_weights(x, y);
    keep_weights(x, y, Sums(
      score_grads(p.upper, times_factors(dp.upper, at, query, key), delta.upper),
      score_grads(p.lower, times_factors(dp.lower, at, second, key), delta.lower)));
    dq = add_results(dq, 0u, at, tile, range.y, lane);
  }
  store_queries(at, query, x, dq.upper, delta.upper);
  if (BLOCKS > 1u) { store_queries(at, second, x, dq.lower, delta.lower); }
}
