// What kernels of attention whose rows are queries share, forward and grad_q: which keys take part, factors of dropout, biases.
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
