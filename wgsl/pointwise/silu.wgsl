// silu(x) = x sigmoid(x),   as PyTorch's; also called swish
// Needs: lib/sigmoid.wgsl
fn op(x: vec4f) -> vec4f { return x * sigmoid(x); }
fn op_grad(x: vec4f) -> vec4f { return gated_grad(x, sigmoid(x), vec4f(1.0)); }
