// What kernels of attention whose rows are queries share, forward and grad_q: which keys take part, factors of dropout, biases,
// values for each query over all keys, and the output.
// Needs: tiles.wgsl, operands.wgsl

// For four keys, which of four queries attend to them.
struct Attended { by0: vec4<bool>, by1: vec4<bool>, by2: vec4<bool>, by3: vec4<bool> }
fn sees(queries: vec4u, key: u32) -> vec4<bool> {
  if (!LOCAL) { return vec4<bool>(true); }
  return (vec4u(key) <= queries + params.ahead) & (vec4u(key + params.behind) >= queries);
}
fn attended(query: u32, key: u32, kept: vec4<bool>) -> Attended {
  let queries = vec4u(query, query + 1u, query + 2u, query + 3u);
  return Attended(
    vec4<bool>(kept.x) & sees(queries, key), vec4<bool>(kept.y) & sees(queries, key + 1u),
    vec4<bool>(kept.z) & sees(queries, key + 2u), vec4<bool>(kept.w) & sees(queries, key + 3u));
}
fn any_of(by: Attended) -> vec4<bool> { return by.by0 | by.by1 | by.by2 | by.by3; }
fn or_zero(s: mat4x4f, by: Attended) -> mat4x4f {
  let zero = vec4f(0.0);
  return mat4x4f(select(zero, s[0], by.by0), select(zero, s[1], by.by1), select(zero, s[2], by.by2), select(zero, s[3], by.by3));
}
// e^(s - less) where attended, else 0.
fn exponentials(s: mat4x4f, less: vec4f, by: Attended) -> mat4x4f {
  return or_zero(mat4x4f(exp(s[0] - less), exp(s[1] - less), exp(s[2] - less), exp(s[3] - less)), by);
}

fn with_bias(s: mat4x4f, at: Place, query: u32, key: u32) -> mat4x4f {
  if (!BIASED) { return s; }
  return s + transpose(mat4x4f(load_bias(at, query, key), load_bias(at, query + 1u, key), load_bias(at, query + 2u, key), load_bias(at, query + 3u, key)));
}
fn times_factors(p: mat4x4f, at: Place, query: u32, key: u32) -> mat4x4f {
  if (!DROPOUT) { return p; }
  let factors = transpose(drop_factors(at, query, key));
  return mat4x4f(p[0] * factors[0], p[1] * factors[1], p[2] * factors[2], p[3] * factors[3]);
}

// Sum and maximum over the invocations side by side, each of which gets the result. All weights must have been used.
fn put_rows(rows: Rows, x: u32, y: u32) {
  weights[x / 4u][x % 4u][y] = rows.upper;
  if (BLOCKS > 1u) { weights[x / 4u][x % 4u][y + Y] = rows.lower; }
}
fn rows_at(x4: u32, j: u32, y: u32) -> Rows { return Rows(weights[x4][j][y], weights[x4][j][y + TOKENS4 - Y]); }
fn row_sums(rows: Rows, x: u32, y: u32) -> Rows {
  put_rows(rows, x, y);
  workgroupBarrier();
  var sum = Rows();
  for (var i = 0u; i < X / 4u; i++) {
    let a = rows_at(i, 0u, y); let b = rows_at(i, 1u, y); let c = rows_at(i, 2u, y); let d = rows_at(i, 3u, y);
    sum = Rows(sum.upper + a.upper + b.upper + c.upper + d.upper, sum.lower + a.lower + b.lower + c.lower + d.lower);
  }
  workgroupBarrier();
  return sum;
}
fn row_tops(rows: Rows, x: u32, y: u32) -> Rows {
  put_rows(rows, x, y);
  workgroupBarrier();
  var top = rows;
  for (var i = 0u; i < X / 4u; i++) {
    let a = rows_at(i, 0u, y); let b = rows_at(i, 1u, y); let c = rows_at(i, 2u, y); let d = rows_at(i, 3u, y);
    top.upper = max(top.upper, max(max(a.upper, b.upper), max(c.upper, d.upper)));
    top.lower = max(top.lower, max(max(a.lower, b.lower), max(c.lower, d.lower)));
  }
  workgroupBarrier();
  return top;
}
