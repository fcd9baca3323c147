// Philox4x32-10, a counter-based generator: 128 random bits for each counter under a key, with no state.
// J. K. Salmon, M. A. Moraes, R. O. Dror, D. E. Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
const PHILOX_MULTIPLIERS: vec2u = vec2u(0xd2511f53u, 0xcd9e8d57u);
const PHILOX_WEYL: vec2u = vec2u(0x9e3779b9u, 0xbb67ae85u);

// The upper halves of the 64-bit products, by 16-bit halves: no sum here exceeds 32 bits.
fn multiply_high(a: vec2u, b: vec2u) -> vec2u {
  let a0 = a & vec2u(0xffffu);
  let b0 = b & vec2u(0xffffu);
  let a1 = a >> vec2u(16u);
  let b1 = b >> vec2u(16u);
  let left = a1 * b0 + ((a0 * b0) >> vec2u(16u));
  let right = a0 * b1 + (left & vec2u(0xffffu));
  return a1 * b1 + (left >> vec2u(16u)) + (right >> vec2u(16u));
}

fn philox_round(c: vec4u, key: vec2u) -> vec4u {
  let high = multiply_high(PHILOX_MULTIPLIERS, c.xz);
  let low = PHILOX_MULTIPLIERS * c.xz;
  return vec4u(high.y ^ c.y ^ key.x, low.y, high.x ^ c.w ^ key.y, low.x);
}

fn philox(counter: vec4u, key: vec2u) -> vec4u {
  var c = philox_round(counter, key);
  c = philox_round(c, key + 1u * PHILOX_WEYL);
  c = philox_round(c, key + 2u * PHILOX_WEYL);
  c = philox_round(c, key + 3u * PHILOX_WEYL);
  c = philox_round(c, key + 4u * PHILOX_WEYL);
  c = philox_round(c, key + 5u * PHILOX_WEYL);
  c = philox_round(c, key + 6u * PHILOX_WEYL);
  c = philox_round(c, key + 7u * PHILOX_WEYL);
  c = philox_round(c, key + 8u * PHILOX_WEYL);
  return philox_round(c, key + 9u * PHILOX_WEYL);
}

// Which of elements 4 index .. 4 index + 3 survive dropout. `key` is a RandomKey (key0, key1, layer, step); an element
// is dropped with probability threshold / 2^32.
fn keep4(index: u32, key: vec4u, threshold: u32) -> vec4<bool> {
  return philox(vec4u(index, 0u, key.z, key.w), key.xy) >= vec4u(threshold);
}
