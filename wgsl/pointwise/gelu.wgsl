// GELU as defined in lib/gelu.wgsl
fn op(x: vec4f) -> vec4f { return gelu(x); }
fn op_grad(x: vec4f) -> vec4f { return gelu_grad(x); }
