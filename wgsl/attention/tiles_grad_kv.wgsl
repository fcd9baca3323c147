// The gradients of keys and values, on GPUs, by tiles, from lse = ln Σ exp and delta = Σ do o of each query:
//   p = e^(s - lse),   dv = dropout(p)ᵀ do,   ds = p (dropout'(do vᵀ) - delta),   dk = scale · dsᵀ q
// Here keys are the rows, and queries the columns. One workgroup TOKENS keys of a head of a sample. grad_q has left delta.
// Needs: tiles.wgsl, operands.wgsl, access_vec4.wgsl; lib/philox.wgsl, lib/grid.wgsl
const SCORES: u32 = 0u; // k qᵀ, and then dsᵀ q
const GRADS: u32 = 1u; // v doᵀ, and then pᵀ do
fn four_rows(product: u32, at: Place, key: u32, d: u32) -> Four {
  if (product == SCORES) { return keys_of(at, key, d); }
  return values_of(at, key, d);
}
fn load_row(product: u32, i: u32) -> vec4f { return load_kv(0u, i); }
fn four_columns(product: u32, at: Place, query: u32, d: u32) -> Four {
  if (product == SCORES) { return queries_of(at, query, d); }
  return outputs_of(at, query, d);
}
fn load_column(product: u32, i: u32) -> vec4f {
  if (product == SCORES) { return load_q(0u, i) * params.scale; }
  return load_dy(0u, i);
}
fn four_weighted(product: u32, at: Place, query: u32, d: u32) -> Four { return four_columns(product, at, query, d); }
fn load_weighted(product: u32, i: u32) -> vec4f {
  if (product == SCORES) { return load_q(0u, i); }
  return load_dy(0u, i);
}

// Probabilities of four queries (columns) with four keys.
fn probability(s: vec4f, lse: f32, query: u32, key: u32, kept: vec4<bool>) -> vec4f {
  return select(vec4f(0.0), exp(s - lse), kept & seen(query, key) & vec4<bool>(query < params.queries));
}
fn probabilities(products: mat4x4f, at: Place, query: u32, key: u32, lse: vec4f) -> mat4x4f {
  var s = products;
  if (BIASED) { s += mat4x4f(load_bias(at, query, key), load_bias(at, query + 1u, key), load_bias(at, query + 2u, key), load_bias(at, query + 3u, key)); }
  let kept = kept_keys(at, key);
  return mat4x4f(
    probability(s[0], lse.x, query, key, kept), probability(s[1], lse.y, query + 1u, key, kept),
    probability(s[2], lse.z, query + 2u, key, kept), probability(s[3], lse.w, query + 3u, key, kept));
}

// p (dropout'(dp) - delta) of a query and four keys, whose p is taken from weights, where dropout(p) is left. One query after
// the other, so that few factors of dropout need registers at once.
fn score_grad(dp: vec4f, delta: f32, at: Place, query: u32, key: u32, x: u32, j: u32, y: u32) -> vec4f {
  let p = weights[x][j][y];
  if (!DROPOUT) { return p * (dp - delta); }
  let factor = drop_factor(at, query + j, key);
  if (x < TILE4) { weights[x][j][y] = p * factor; }
  return p * (dp * factor - delta);
}
fn score_grads(dp: mat4x4f, delta: vec4f, at: Place, query: u32, key: u32, x: u32, y: u32) -> mat4x4f {
  return mat4x4f(
    score_grad(dp[0], delta.x, at, query, key, x, 0u, y), score_grad(dp[1], delta.y, at, query, key, x, 1u, y),
    score_grad(dp[2], delta.z, at, query, key, x, 2u, y), score_grad(dp[3], delta.w, at, query, key, x, 3u, y));
}

fn store_keys(at: Place, key: u32, x: u32, dk: mat4x4f, dv: mat4x4f) {
  if (key >= params.keys || x >= DIM4) { return; }
  let step = params.kv_parts * params.heads;
  store_rows(k_row(at, key), step, params.keys - key, x, transpose(dk) * params.scale);
  store_rows(v_row(at, key), step, params.keys - key, x, transpose(dv));
}

@compute @workgroup_size(WG)
fn grad_kv(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let id = flat_group(group, groups);
  if (id >= params.count) { return; }
  let at = place_of(id);
  let x = lane / Y;
  let y = lane % Y;
  let key = at.first + 4u * y;
  let second = key + 4u * Y;
  var dk = Sums();
  var dv = Sums();
  let range = queries_seeing(at.first);
  for (var tile = range.x; tile < range.y; tile += 4u * TILE4) {
    let query = tile + 4u * x;
    let place = stats_of(at, min(query, params.queries - 1u));
    var s = products(SCORES, at, tile, range.y, lane);
    let lse = stats[place];
    // Kept where the invocation itself reads it again, so that registers are free for the second product.
    keep_weights(x, y, Sums(probabilities(s.upper, at, query, key, lse), probabilities(s.lower, at, query, second, lse)));
    let dp = products(GRADS, at, tile, range.y, lane);
    let delta = stats[place + 1u];
    var ds = Sums(score_grads(dp.upper, delta, at, query, key, x, y), mat4x4f());
    if (BLOCKS > 1u) { ds.lower = score_grads(dp.lower, delta, at, query, second, x, y + Y); }
    dv = add_results(dv, GRADS, at, tile, range.y, lane);
    workgroupBarrier();
    keep_weights(x, y, ds);
    dk = add_results(dk, SCORES, at, tile, range.y, lane);
  }
  store_keys(at, key, x, dk.upper, dv.upper);
  if (BLOCKS > 1u) { store_keys(at, second, x, dk.lower, dv.lower); }
}
