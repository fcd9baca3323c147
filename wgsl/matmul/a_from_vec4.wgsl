// Blocks of a for tiles.wgsl, by addresses of which the most is found once. Rows beyond the end are what lies there or, beyond
// the end of the buffer, what WebGPU gives: whatever they are, only such rows of c depend on them, which are not stored.
// Needs: params.wgsl, a_vec4.wgsl

// Where the block begins that is at row m, and at column `along` of the first slice.
fn origin_a(start: u32, m: u32, along: u32) -> u32 {
  if (TRANSPOSED_A) { return start / 4u + m / 4u + along * (params.m / 4u); }
  return start / 4u + along / 4u + m * (params.k / 4u);
}
// The block of the slice that begins at column k, a multiple of four.
fn block_from_a(origin: u32, _m: u32, along: u32, k: u32) -> mat4x4f {
  let stride = select(params.k, params.m, TRANSPOSED_A) / 4u;
  let at = origin + select(k / 4u, k * stride, TRANSPOSED_A);
  return block_of_a(k + along, mat4x4f(load_a(at), load_a(at + stride), load_a(at + 2u * stride), load_a(at + 3u * stride)));
}
