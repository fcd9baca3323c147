// True where one of the first `count` of four floats is infinite or NaN: its exponent bits are all ones there, and nowhere
// else. They come as bits and no float is compared, for WGSL lets compilers take floats to be finite.
fn not_finite(bits: vec4u, count: u32) -> bool {
  let exponents = bits & vec4u(0x7f800000u);
  return any((exponents == vec4u(0x7f800000u)) & (vec4u(0u, 1u, 2u, 3u) < vec4u(count)));
}
