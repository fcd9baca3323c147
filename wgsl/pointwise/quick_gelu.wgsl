// quick_gelu(x) = x sigmoid(1.702 x),   as CLIP has it (Hendrycks and Gimpel, 2016)
// Needs: lib/sigmoid.wgsl
fn op(x: vec4f) -> vec4f { return x * sigmoid(1.702 * x); }
fn op_grad(x: vec4f) -> vec4f { return gated_grad(x, sigmoid(1.702 * x), vec4f(1.702)); }
