// The gradient of the queries by matrix units; tiles_grad_q.wgsl computes the same:
//   p = e^(s - lse),   delta = Σ do o,   ds = p (dropout'(do vᵀ) - delta),   dq = scale · ds k
// delta goes to stats, for the other gradients. ds is rounded to f16, as do and k are.
// Needs: matrices.wgsl, matrices_queries.wgsl, operands.wgsl, access_vec4.wgsl; lib/philox.wgsl, lib/grid.wgsl
const PRODUCTS: u32 = 2u; // q kᵀ, do vᵀ
const WEIGHTS: u32 = 1u;

@compute @workgroup_size(WG) @subgroup_size(SUBGROUP)
fn grad_q(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32, @builtin(subgroup_id) subgroup: u32) {
  let id = flat_group(group, groups);
  if (id >= params.count) { return; }
  let at = place_of(id);
  let row = lane % TOKENS;
  let query = at.first + row;
  if (lane < TOKENS) { row_values[row] = delta_of(o_row(at, query)); }
  store_stats(at, 1u, lane);
  let delta = row_values[row];
  let lse = stats[stats_of(at, min(query, params.queries - 1u))][query % 4u];
  var dq: Results;
  put_queries(ROWS[0], at, at.first, TOKENS, lane);
  put_grads(ROWS[1], at, at.first, TOKENS, lane);
  let range = keys_seen(at.first);
  for (var tile = range.x; tile < range.y; tile += COLUMNS) {
    workgroupBarrier();
    put_keys(TILE[0], at, tile, COLUMNS, lane);
    put_values(TILE[1], at, tile, COLUMNS, lane);
    workgroupBarrier();
    multiply(0u, subgroup);
    multiply(1u, subgroup);
    workgroupBarrier();
    for (var key = 4u * (lane / TOKENS); key < COLUMNS; key += 4u * WG / TOKENS) {
      let kept = kept_keys(at, tile + key) & seen(query, tile + key);
      let p = select(vec4f(0.0), exp(scaled_scores(at, query, tile, key) - lse), kept);
      keep_weights(0u, row, key, p * (score4(1u, row, key) * drop_factor(at, query, tile + key) - delta));
    }
    workgroupBarrier();
    add_results(&dq, 0u, 0u, subgroup);
  }
  if (lane < TOKENS) { row_values[row] = params.scale; }
  store_results(&dq, q_row(at, at.first), params.q_parts * params.heads, params.queries - at.first, lane, subgroup);
}
