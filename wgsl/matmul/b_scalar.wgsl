// 4×4 blocks of b [k, n], stored so or as [n, k], loaded one element at a time: for stored rows of any length. Elements
// beyond the end are 0.
// Needs: params.wgsl
const TRANSPOSED_B: bool = false;
@group(0) @binding(2) var<storage, read> b: array<Elem>;

fn element_b(start: u32, k: u32, n: u32) -> f32 {
  let i = start + select(k * params.n + n, n * params.k + k, TRANSPOSED_B);
  return select(0.0, f32(b[i]), (k < params.k) & (n < params.n));
}
fn row_b(start: u32, k: u32, n: u32) -> vec4f {
  return vec4f(element_b(start, k, n), element_b(start, k, n + 1u), element_b(start, k, n + 2u), element_b(start, k, n + 3u));
}
fn block_b(start: u32, k: u32, n: u32) -> mat4x4f {
  return mat4x4f(row_b(start, k, n), row_b(start, k + 1u, n), row_b(start, k + 2u, n), row_b(start, k + 3u, n));
}
