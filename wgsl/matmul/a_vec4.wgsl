// Loads of a [m, k], stored so or as [k, m], one vec4 at a time. Rows beyond the end repeat the last one.
// Needs: params.wgsl
const TRANSPOSED_A: bool = false;
@group(0) @binding(1) var<storage, read> a: array<vec4<Elem>>;
fn load_a(i: u32) -> vec4f { return vec4f(a[i]); }

// Part i of the four that make the 4×4 block at row m and column k: a row of a or, where that is stored, of its transpose.
fn part_a(start: u32, m: u32, k: u32, i: u32) -> vec4f {
  if (TRANSPOSED_A) {
    let stride = params.m / 4u;
    return load_a(start / 4u + min(m / 4u, stride - 1u) + min(k + i, params.k - 1u) * stride);
  }
  return load_a(start / 4u + k / 4u + min(m + i, params.m - 1u) * (params.k / 4u));
}
fn block_of_a(k: u32, parts: mat4x4f) -> mat4x4f {
  if (TRANSPOSED_A) { return transpose(rows_along_k(k, parts)); }
  return parts;
}
