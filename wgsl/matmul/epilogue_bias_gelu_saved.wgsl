// h = a · b + bias, kept for the gradient;   c = gelu(h)
// Needs: lib/gelu.wgsl
@group(0) @binding(4) var<storage, read> bias: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> h: array<vec4<Result>>;
fn addend(column: u32) -> vec4f { return bias[column]; }
fn epilogue(value: vec4f, bias4: vec4f, i: u32) -> vec4f {
  let input = value + bias4;
  h[i] = vec4<Result>(input);
  return gelu(input);
}
