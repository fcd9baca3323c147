// ln x,   ln' x = 1 / x; of NaN and of what is not positive drivers may make any number
// Needs: lib/nan.wgsl
fn op(x: vec4f) -> vec4f {
  let outside = select(sqrt(x), -1.0 / abs(x), x == vec4f(0.0)); // NaN, or minus infinity
  return select(log(x), outside, are_nan(x) | (x <= vec4f(0.0)));
}
fn op_grad(x: vec4f) -> vec4f { return 1.0 / x; }
