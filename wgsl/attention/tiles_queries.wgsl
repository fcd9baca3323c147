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

fn with_bias(s: mat4x4f, at: Place, query: u32, key: u32) -> mat4x4f {
  if (!BIASED) { return s; }
  return s + transpose(mat4x4f(load_bias(at, query, key), load_bias(at, query + 1u, key), load_bias(at, query + 2u, key), load_bias(at, query + 3u, key)));
}
fn times_factors(p: mat4x4f, at: Place, query: u32, key: u32) -> mat4x4f {
  if (!DROPOUT) { return p; }
  let factors = transpose(drop_factors(at, query, key));
  return mat4x4f(p[0] * factors[0], p[1] * factors[1], p[2] * factors[2], p[3] * factors[3]);
}
