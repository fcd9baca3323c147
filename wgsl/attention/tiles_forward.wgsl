// o = dropout(softmax(scale · q kᵀ + bias + mask)) v for every head, on GPUs, by tiles. Over the tiles of keys each query keeps
//   top' = max(top, max s),   total' = total e^(top - top') + Σ e^(s - top'),   o' = o e^(top - top') + dropout(e^(s - top')) v
// (online softmax), and in the end o / total is its result and lse = top + ln total what the gradients need.
// One workgroup TOKENS queries of a head of a sample; attention.wgsl says how the tensors lie, and computes the same.
// Needs: tiles.wgsl, tiles_queries.wgsl, operands.wgsl, access_vec4.wgsl; lib/philox.wgsl, lib/grid.wgsl
fn four_rows(_product: u32, at: Place, query: u32, d: u32) -> Four { return queries_of(at, query, d); }
fn load_row(_product: u32, i: u32) -> vec4f { return load_q(0u, i) * (params.scale / UNIT); }
fn four_columns(_product: u32, at: Place, key: u32, d: u32) -> Four { return keys_of(at, key, d); }
fn load_column(_product: u32, i: u32) -> vec4f { return load_kv(0u, i); }
fn four_weighted(_product: u32, at: Place, key: u32, d: u32) -> Four { return values_of(at, key, d); }
fn load_weighted(_product: u32, i: u32) -> vec4f { return load_kv(0u, i); }

// Scores are in units of ln 2, since GPUs compute powers of 2: the factor goes into the scale. Those with biases are not: a bias
// has no scale that could take it, and may be as low as numbers go.
const UNIT: f32 = select(0.6931472, 1.0, BIASED);
fn power(s: vec4f) -> vec4f {
  if (BIASED) { return exp(s); }
  return exp2(s);
}
fn powers(s: mat4x4f, less: vec4f) -> mat4x4f { return mat4x4f(power(s[0] - less), power(s[1] - less), power(s[2] - less), power(s[3] - less)); }

// Scores where attended, else minus infinity, whose bits no constant may have: its power is 0, whatever the highest score is.
fn or_hidden(s: mat4x4f, by: Attended) -> mat4x4f {
  let hidden = vec4f(bitcast<f32>(0xff7fffffu + min(params.count, 1u)));
  return mat4x4f(select(hidden, s[0], by.by0), select(hidden, s[1], by.by1), select(hidden, s[2], by.by2), select(hidden, s[3], by.by3));
}
fn highest(s: mat4x4f) -> vec4f { return max(max(s[0], s[1]), max(s[2], s[3])); }
fn sum_of(p: mat4x4f) -> vec4f { return p[0] + p[1] + p[2] + p[3]; }

// Of the queries that have attended to no key so far, those that attend to none of these four either.
fn still_none(none: vec4<bool>, by: Attended) -> vec4<bool> {
  let any = by.by0 | by.by1 | by.by2 | by.by3;
  if (LOCAL) { return none & !any; }
  return vec4<bool>(none.x & !any.x); // all queries attend to the same keys
}

fn store_queries(at: Place, query: u32, x: u32, o: mat4x4f, inverse: vec4f, lse: vec4f) {
  if (query >= params.queries) { return; }
  if (x == 0u) { stats[stats_of(at, query)] = lse; }
  if (x >= DIM4) { return; }
  let rows = transpose(mat4x4f(o[0] * inverse, o[1] * inverse, o[2] * inverse, o[3] * inverse));
  store_rows(o_row(at, query), params.heads, params.queries - query, x, rows);
}

@compute @workgroup_size(WG)
fn forward(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let id = flat_group(group, groups);
  if (id >= params.count) { return; }
  let at = place_of(id);
  let x = lane / Y;
  let y = lane % Y;
  let query = at.first + 4u * y;
  var o = Sums();
  var top = Rows(vec4f(LOWEST), vec4f(LOWEST));
  var total = Rows();
  var none_upper = vec4<bool>(true); // of the keys so far takes part
  var none_lower = vec4<bool>(true);
  let range = keys_seen(at.first);
  for (var tile = range.x; tile < range.y; tile += 4u * TILE4) {
    let key = tile + 4u * x;
    var s = products(0u, at, tile, range.y, lane);
    let kept = kept_keys(at, key) & vec4<bool>(TILE4 == X || x < TILE4);
    let upper = attended(query, key, kept);
    let lower = attended(query + 4u * Y, key, kept);
    none_upper = still_none(none_upper, upper);
    none_lower = still_none(none_lower, lower);
    s = Sums(or_hidden(with_bias(s.upper, at, query, key), upper), or_hidden(with_bias(s.lower, at, query + 4u * Y, key), lower));
    let higher = row_tops(Rows(max(top.upper, highest(s.upper)), max(top.lower, highest(s.lower))), x, y);
    let p = Sums(powers(s.upper, higher.upper), powers(s.lower, higher.lower));
    let shrink = Rows(power(top.upper - higher.upper), power(top.lower - higher.lower));
    total = Rows(total.upper * shrink.upper + sum_of(p.upper), total.lower * shrink.lower + sum_of(p.lower));
    top = higher;
    keep_weights(x, y, Sums(times_factors(p.upper, at, query, key), times_factors(p.lower, at, query + 4u * Y, key)));
    o = add_results(scaled(o, shrink), 0u, at, tile, range.y, lane);
  }
  workgroupBarrier();
  total = row_sums(total, x, y);
  workgroupBarrier();
  let zero = vec4f(0.0);
  let one = vec4f(1.0);
  let found = row_tops(Rows(select(one, zero, none_upper), select(one, zero, none_lower)), x, y);
  none_upper = found.upper == zero;
  none_lower = found.lower == zero;
  // A query none of whose keys take part attends to nothing: its output is 0, and so are its probabilities. One whose
  // scores are all minus infinity has a total of 0 as well, but is NaN.
  store_queries(at, query, x, o.upper, select(1.0 / total.upper, zero, none_upper), select(UNIT * top.upper + log(total.upper), vec4f(-LOWEST), none_upper));
  if (BLOCKS > 1u) {
    store_queries(at, query + 4u * Y, x, o.lower, select(1.0 / total.lower, zero, none_lower), select(UNIT * top.lower + log(total.lower), vec4f(-LOWEST), none_lower));
  }
}
