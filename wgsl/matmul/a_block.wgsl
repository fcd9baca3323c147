// A 4×4 block of a: rows m to m + 3 from column k on.
// Needs: a_vec4.wgsl or a_scalar.wgsl
fn block_a(start: u32, m: u32, k: u32) -> mat4x4f {
  return block_of_a(k, mat4x4f(part_a(start, m, k, 0u), part_a(start, m, k, 1u), part_a(start, m, k, 2u), part_a(start, m, k, 3u)));
}
