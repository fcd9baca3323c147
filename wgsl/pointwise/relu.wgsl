// max(x, 0); its gradient at 0 is 0
fn op(x: vec4f) -> vec4f { return max(x, vec4f(0.0)); }
fn op_grad(x: vec4f) -> vec4f { return select(vec4f(0.0), vec4f(1.0), x > vec4f(0.0)); }
