// The gradients of keys and values by matrix units; tiles_grad_kv.wgsl computes the same:
//   p = e^(s - lse),   dv = dropout(p)ᵀ do,   ds = p (dropout'(do vᵀ) - delta),   dk = scale · dsᵀ q
// Here keys are the rows. An invocation makes weights of one query of a tile and some fours of keys; they are rounded to f16.
// Needs: matrices.wgsl, operands.wgsl, access_vec4.wgsl; lib/philox.wgsl, lib/grid.wgsl
const PRODUCTS: u32 = 2u; // k qᵀ, v doᵀ
const WEIGHTS: u32 = 2u; // dropout(p), ds
const QUERIES: u32 = COLUMNS;
const KEYS: u32 = TOKENS;

fn put_scores(start: u32, row: u32, column: u32, sums: Sum) {
  subgroupMatrixStore<col_major>(&scores, start + column * SCORE_LENGTH + row / 4u, sums, SCORE_LENGTH);
}
fn get_weights(start: u32, row: u32, column: u32) -> Left {
  return subgroupMatrixLoad<Left, col_major>(&weights, start + column * WEIGHT_LENGTH + row / 4u, WEIGHT_LENGTH);
}

@compute @workgroup_size(WG) @subgroup_size(SUBGROUP)
fn grad_kv(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32, @builtin(subgroup_id) subgroup: u32) {
  let id = flat_group(group, groups);
  if (id >= params.count) { return; }
  let at = place_of(id);
  let column = lane % COLUMNS;
  var dk: Results;
  var dv: Results;
  put_keys(ROWS[0], at, at.first, TOKENS, lane);
  put_values(ROWS[1], at, at.first, TOKENS, lane);
  let range = queries_seeing(at.first);
  for (var tile = range.x; tile < range.y; tile += COLUMNS) {
    let query = tile + column;
    let place = stats_of(at, min(query, params.queries - 1u));
    let lse = stats[place][query % 4u];
    let delta = stats[place + 1u][query % 4u];
    workgroupBarrier();
    put_queries(TILE[0], at, tile, COLUMNS, lane);
    put_grads(TILE[1], at, tile, COLUMNS, lane);
    workgroupBarrier();
    multiply(0u, subgroup);
    multiply(1u, subgroup);
    workgroupBarrier();
    for (var row = 4u * (lane / COLUMNS); row < TOKENS; row += 4u * WG / COLUMNS) {
      let key = at.first + row;
      var s = score4(0u, column, row) * params.scale;
      if (BIASED) { s += load_bias(at, query, key); }
      let kept = kept_keys(at, key) & seen(query, key) & vec4<bool>(query < params.queries);
      let p = select(vec4f(0.0), exp(s - lse), kept);
      let factors = drop_factor(at, query, key);
      keep_weights(0u, column, row, p * factors);
      keep_weights(1u, column, row, p * (score4(1u, column, row) * factors - delta));
    }
    workgroupBarrier();
    add_results(&dv, 0u, 1u, subgroup);
    add_results(&dk, 1u, 0u, subgroup);
  }
  if (lane < TOKENS) { row_values[lane] = params.scale; }
  let step = params.kv_parts * params.heads;
  store_results(&dk, k_row(at, at.first), step, params.keys - at.first, lane, subgroup);
  workgroupBarrier();
  if (lane < TOKENS) { row_values[lane] = 1.0; }
  store_results(&dv, v_row(at, at.first), step, params.keys - at.first, lane, subgroup);
}
