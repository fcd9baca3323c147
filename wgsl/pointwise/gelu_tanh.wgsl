// gelu_tanh(x) = x (1 + tanh u) / 2 = x sigmoid(2 u),   u = sqrt(2 / pi) (x + 0.044715 x³)   (Hendrycks and Gimpel, 2016)
// Beyond ±10 the sigmoid is 1 or 0 in f32, so x is clamped there before its powers overflow.
// Needs: lib/sigmoid.wgsl
fn near(x: vec4f) -> vec4f { return clamp(x, vec4f(-10.0), vec4f(10.0)); }
fn gate(z: vec4f) -> vec4f { return sigmoid(1.5957691 * (z + 0.044715 * z * z * z)); }
fn op(x: vec4f) -> vec4f { return x * gate(near(x)); }
fn op_grad(x: vec4f) -> vec4f {
  let z = near(x);
  return gated_grad(x, gate(z), 1.5957691 * (1.0 + 0.134145 * z * z));
}
