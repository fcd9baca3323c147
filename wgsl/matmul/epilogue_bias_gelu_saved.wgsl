// h = a · b + bias, kept for the gradient;   c = gelu(h)
// Needs: lib/gelu.wgsl
@group(0) @binding(4) var<storage, read> bias: array<vec4<Elem>>;
@group(0) @binding(5) var<storage, read_write> h: array<vec4<Elem>>;
fn epilogue(value: vec4f, column: u32, i: u32) -> vec4f {
  let input = value + vec4f(bias[column]);
  h[i] = vec4<Elem>(input);
  return gelu(input);
}
