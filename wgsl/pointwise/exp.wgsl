// e^x, which is its own derivative; drivers may make a number of NaN
// Needs: lib/nan.wgsl
fn op(x: vec4f) -> vec4f { return select(exp(x), x, are_nan(x)); }
fn op_grad(x: vec4f) -> vec4f { return op(x); }
