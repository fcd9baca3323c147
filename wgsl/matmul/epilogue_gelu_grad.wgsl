// c = gelu'(h) ⊙ (a · b): the gradient of h from that of gelu(h)
// Needs: lib/gelu.wgsl
@group(0) @binding(5) var<storage, read> h: array<vec4<Result>>;
fn addend(column: u32) -> vec4f { return vec4f(); }
fn epilogue(value: vec4f, bias4: vec4f, i: u32) -> vec4f { return gelu_grad(vec4f(h[i])) * value; }
