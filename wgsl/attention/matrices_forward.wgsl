// o = dropout(softmax(scale · q kᵀ + bias + mask)) v for every head, by matrix units; tiles_forward.wgsl computes the same, and
// says how. Each weight e^(s - top) is the sum of two numbers of f16, so that o is as exact as by tiles. Results are scaled by
// way of workgroup memory, so a top stays until a weight would be above e^MOST, the next being such that the largest is e^AIM:
// far enough from the largest number of f16, 65504, and from those below 6e-5, which matrix units may take for 0.
// Needs: matrices.wgsl, matrices_queries.wgsl, operands.wgsl, access_vec4.wgsl; lib/philox.wgsl, lib/grid.wgsl
const PRODUCTS: u32 = 1u;
const WEIGHTS: u32 = 2u;
const MOST: f32 = 10.0;
const AIM: f32 = 6.0;
var<workgroup> totals: array<f32, WG>;
var<workgroup> exceeds: atomic<u32>;

// Numbers with the bits that f16 has room for. Drivers take an f16 made f32 again for the f32 that it was.
fn upper_half(value: vec4f) -> vec4f { return bitcast<vec4f>(bitcast<vec4u>(value) & vec4u(0xffffe000u)); }

@compute @workgroup_size(WG) @subgroup_size(SUBGROUP)
fn forward(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32, @builtin(subgroup_id) subgroup: u32) {
  let id = flat_group(group, groups);
  if (id >= params.count) { return; }
  let at = place_of(id);
  let row = lane % TOKENS;
  let query = at.first + row;
  let part = 4u * (lane / TOKENS);
  var o: Results;
  var top = LOWEST;
  var total = 0.0;
  var none = true; // of the keys so far takes part
  put_queries(ROWS[0], at, at.first, TOKENS, lane);
  let range = keys_seen(at.first);
  for (var tile = range.x; tile < range.y; tile += COLUMNS) {
    workgroupBarrier();
    put_keys(TILE[0], at, tile, COLUMNS, lane);
    put_values(TILE[1], at, tile, COLUMNS, lane);
    if (lane == 0u) { atomicStore(&exceeds, 0u); }
    workgroupBarrier();
    multiply(0u, subgroup);
    workgroupBarrier();
    var highest = LOWEST;
    for (var key = 0u; key < COLUMNS; key += 4u) {
      let kept = kept_keys(at, tile + key) & seen(query, tile + key);
      none &= !any(kept);
      let s = select(vec4f(LOWEST), scaled_scores(at, query, tile, key), kept);
      highest = max(highest, max(max(s.x, s.y), max(s.z, s.w)));
    }
    var shrink = 1.0;
    if (highest > top + MOST) {
      shrink = exp(top - (highest - AIM));
      top = highest - AIM;
      atomicStore(&exceeds, 1u);
    }
    if (part == 0u) { row_values[row] = shrink; }
    total *= shrink;
    for (var key = part; key < COLUMNS; key += 4u * WG / TOKENS) {
      let kept = kept_keys(at, tile + key) & seen(query, tile + key);
      let p = select(vec4f(0.0), exp(scaled_scores(at, query, tile, key) - top), kept);
      total += p.x + p.y + p.z + p.w;
      let dropped = select(p, vec4f(0.0), drop_factor(at, query, tile + key) == vec4f(0.0));
      let upper = upper_half(dropped);
      keep_weights(0u, row, key, upper);
      keep_weights(1u, row, key, dropped - upper);
    }
    if (workgroupUniformLoad(&exceeds) == 1u && tile > range.x) {
      for (var first = 0u; first < DIM / N; first += CHUNK) {
        put_results(&o, first, subgroup);
        workgroupBarrier();
        for (var i = lane; i < TOKENS * COLUMNS / 4u; i += WG) { scores[i] *= row_values[i / (COLUMNS / 4u)]; }
        workgroupBarrier();
        get_results(&o, first, subgroup);
        workgroupBarrier();
      }
    }
    add_results(&o, 0u, 1u, subgroup);
    add_results(&o, 1u, 1u, subgroup);
  }
  totals[lane] = total;
  workgroupBarrier();
  total = 0.0;
  for (var i = row; i < WG; i += TOKENS) { total += totals[i]; }
  if (part == 0u) { row_values[row] = select(top + log(total), -LOWEST, none); }
  store_stats(at, 0u, lane);
  workgroupBarrier();
  // A query none of whose keys take part attends to nothing: its output is 0, and so are its probabilities. One whose
  // scores are all minus infinity has a total of 0 as well, but is NaN.
  if (part == 0u) { row_values[row] = select(select(1.0, params.factor, DROPOUT) / total, 0.0, none); }
  store_results(&o, o_row(at, at.first), params.heads, params.queries - at.first, lane, subgroup);
}
