// Loads of a [m, k], stored so or as [k, m], one element at a time: for stored rows of any length. Elements beyond the
// end are 0.
// Needs: params.wgsl
// Conditions are joined by `&`, not `&&`, which is a branch: with one for each of 48 elements, SwiftShader compiles for minutes.
const TRANSPOSED_A: bool = false;
@group(0) @binding(1) var<storage, read> a: array<Elem>;

fn element_a(start: u32, m: u32, k: u32) -> f32 {
  let i = start + select(m * params.k + k, k * params.m + m, TRANSPOSED_A);
  return select(0.0, f32(a[i]), (m < params.m) & (k < params.k));
}
fn part_a(start: u32, m: u32, k: u32, i: u32) -> vec4f {
  return vec4f(element_a(start, m + i, k), element_a(start, m + i, k + 1u), element_a(start, m + i, k + 2u), element_a(start, m + i, k + 3u));
}
fn block_of_a(_k: u32, parts: mat4x4f) -> mat4x4f { return parts; }
