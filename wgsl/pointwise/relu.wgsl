// ReLU as defined in lib/relu.wgsl
fn op(x: vec4f) -> vec4f { return relu(x); }
fn op_grad(x: vec4f) -> vec4f { return relu_grad(x); }
