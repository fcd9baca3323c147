// tanh x,   tanh' x = 1 - tanh² x;   drivers compute it from e^2x, so the argument is clamped where that would overflow
// Needs: lib/nan.wgsl
fn op(x: vec4f) -> vec4f { return select(tanh(clamp(x, vec4f(-20.0), vec4f(20.0))), x, are_nan(x)); }
fn op_grad(x: vec4f) -> vec4f { let y = op(x); return 1.0 - y * y; }
