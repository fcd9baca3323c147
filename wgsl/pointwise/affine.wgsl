// a x + b, whose derivative is a
fn op(x: vec4f) -> vec4f { return params.a * x + params.b; }
fn op_grad(x: vec4f) -> vec4f { return vec4f(params.a); }
