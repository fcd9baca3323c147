// Blocks of b for tiles.wgsl, by addresses of which the most is found once. As in a_from_vec4.wgsl, columns beyond the end are
// what lies there.
// Needs: params.wgsl, b_vec4.wgsl

// Where the block begins that is at column n, and at row `along` of the first slice.
fn origin_b(start: u32, n: u32, along: u32) -> u32 {
  if (TRANSPOSED_B) { return start / 4u + along / 4u + n * (params.k / 4u); }
  return start / 4u + n / 4u + along * (params.n / 4u);
}
// The block of the slice that begins at row k, a multiple of four.
fn block_from_b(origin: u32, _n: u32, along: u32, k: u32) -> mat4x4f {
  let stride = select(params.n, params.k, TRANSPOSED_B) / 4u;
  let at = origin + select(k * stride, k / 4u, TRANSPOSED_B);
  let block = mat4x4f(load_b(at), load_b(at + stride), load_b(at + 2u * stride), load_b(at + 3u * stride));
  if (TRANSPOSED_B) { return transpose(block); }
  return rows_along_k(k + along, block);
}
