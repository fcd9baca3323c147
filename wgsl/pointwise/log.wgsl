// ln x,   ln' x = 1 / x
fn op(x: vec4f) -> vec4f { return log(x); }
fn op_grad(x: vec4f) -> vec4f { return 1.0 / x; }
