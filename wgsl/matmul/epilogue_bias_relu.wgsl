// c = relu(a · b + bias)
// Needs: lib/relu.wgsl and what it needs
@group(0) @binding(4) var<storage, read> bias: array<vec4f>;
fn addend(column: u32) -> vec4f { return bias[column]; }
fn epilogue(value: vec4f, bias4: vec4f, i: u32) -> vec4f { return relu(value + bias4); }
