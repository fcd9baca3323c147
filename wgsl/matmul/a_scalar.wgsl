// As a_vec4.wgsl, one element a load, for stored rows of any length. Elements beyond the end are 0.
const TRANSPOSED_A: bool = false;
@group(0) @binding(1) var<storage, read> a: array<Elem>;

fn element_a(start: u32, m: u32, k: u32) -> f32 {
  let i = start + select(m * params.k + k, k * params.m + m, TRANSPOSED_A);
  return select(0.0, f32(a[i]), m < params.m && k < params.k);
}
fn row_a(start: u32, m: u32, k: u32) -> vec4f {
  return vec4f(element_a(start, m, k), element_a(start, m, k + 1u), element_a(start, m, k + 2u), element_a(start, m, k + 3u));
}
fn block_a(start: u32, m: u32, k: u32) -> mat4x4f {
  return mat4x4f(row_a(start, m, k), row_a(start, m + 1u, k), row_a(start, m + 2u, k), row_a(start, m + 3u, k));
}
