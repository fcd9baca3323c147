// relu(x) = max(x, 0),   relu'(x) = 1 where x > 0, else 0;   both are NaN where x is.
// By bits: as a comparison of floats it is one that compilers replace by max, which may lose NaN.
// Needs: lib/nan.wgsl
fn are_negative(x: vec4f) -> vec4<bool> { return bitcast<vec4u>(x) - vec4u(0x80000000u) <= vec4u(0x7f800000u); } // -0 to -infinity
fn relu(x: vec4f) -> vec4f { return select(x, vec4f(0.0), are_negative(x)); }
fn relu_grad(x: vec4f) -> vec4f {
  let flat = are_negative(x) | (bitcast<vec4u>(x) == vec4u(0u));
  return select(select(vec4f(1.0), vec4f(0.0), flat), x, are_nan(x));
}
