// GELU, exact:   gelu(x) = x Phi(x),   gelu'(x) = Phi(x) + x phi(x),   Phi(x) = (1 + erf(x / sqrt 2)) / 2
// erfc by a rational Chebyshev fit (Numerical Recipes, erfcc: relative error below 1.2e-7 everywhere).
fn erfc4(x: vec4f) -> vec4f {
  let z = abs(x);
  let t = 1.0 / (1.0 + 0.5 * z);
  var p = vec4f(0.17087277);
  p = fma(p, t, vec4f(-0.82215223));
  p = fma(p, t, vec4f(1.48851587));
  p = fma(p, t, vec4f(-1.13520398));
  p = fma(p, t, vec4f(0.27886807));
  p = fma(p, t, vec4f(-0.18628806));
  p = fma(p, t, vec4f(0.09678418));
  p = fma(p, t, vec4f(0.37409196));
  p = fma(p, t, vec4f(1.00002368));
  p = fma(p, t, vec4f(-1.26551223));
  let tail = t * exp(max(p - z * z, vec4f(-87.0)));
  return select(tail, 2.0 - tail, x < vec4f(0.0));
}
fn normal_cdf(x: vec4f) -> vec4f { return 0.5 * erfc4(-0.70710678 * x); }
fn gelu(x: vec4f) -> vec4f { return x * normal_cdf(x); }
fn gelu_grad(x: vec4f) -> vec4f { return normal_cdf(x) + x * 0.39894228 * exp(max(-0.5 * x * x, vec4f(-87.0))); }
