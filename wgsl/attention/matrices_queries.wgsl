// What kernels of attention by matrix units whose rows are queries share, forward and grad_q. WG / TOKENS invocations have a
// query; each of them makes weights of some of its fours of keys.
// Needs: matrices.wgsl, operands.wgsl
const QUERIES: u32 = TOKENS;
const KEYS: u32 = COLUMNS;

fn put_scores(start: u32, row: u32, column: u32, sums: Sum) {
  subgroupMatrixStore<row_major>(&scores, start + row * SCORE_LENGTH + column / 4u, sums, SCORE_LENGTH);
}
fn get_weights(start: u32, row: u32, column: u32) -> Left {
  return subgroupMatrixLoad<Left, row_major>(&weights, start + row * WEIGHT_LENGTH + column / 4u, WEIGHT_LENGTH);
}

fn scaled_scores(at: Place, query: u32, tile: u32, key: u32) -> vec4f {
  let s = score4(0u, query - at.first, key) * params.scale;
  if (!BIASED) { return s; }
  return s + load_bias(at, query, tile + key);
}

// Puts lse (0) or Σ do o (1) of all queries, which lie in row_values, where the gradients find them.
fn store_stats(at: Place, which: u32, lane: u32) {
  workgroupBarrier();
  let query = at.first + 4u * lane;
  if (lane >= TOKENS / 4u || query >= params.queries) { return; }
  stats[stats_of(at, query) + which] =
    vec4f(row_values[4u * lane], row_values[4u * lane + 1u], row_values[4u * lane + 2u], row_values[4u * lane + 3u]);
}
