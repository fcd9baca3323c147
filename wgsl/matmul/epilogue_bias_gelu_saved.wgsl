// h = a · b + bias, kept for the gradient;   c = gelu(h)
// Needs: lib/gelu.wgsl
@group(0) @binding(4) var<storage, read> bias: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> h: array<vec4<Result>>;
fn epilogue(value: vec4f, column: u32, i: u32) -> vec4f {
  let input = value + bias[column];
  h[i] = vec4<Result>(input);
  return gelu(input);
}
