// c = a · b + bias
@group(0) @binding(4) var<storage, read> bias: array<vec4f>;
fn epilogue(value: vec4f, column: u32, i: u32) -> vec4f { return value + bias[column]; }
