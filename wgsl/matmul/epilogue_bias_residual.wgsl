// c = residual + (a · b + bias)
@group(0) @binding(4) var<storage, read> bias: array<vec4f>;
@group(0) @binding(5) var<storage, read> residual: array<vec4<Result>>;
fn addend(column: u32) -> vec4f { return bias[column]; }
fn epilogue(value: vec4f, bias4: vec4f, i: u32) -> vec4f { return vec4f(residual[i]) + (value + bias4); }
