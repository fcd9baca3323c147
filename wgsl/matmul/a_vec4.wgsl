// 4×4 blocks of a [m, k], stored so or as [k, m], by vec4s. Rows beyond the end repeat the last one.
// Needs: params.wgsl
const TRANSPOSED_A: bool = false;
@group(0) @binding(1) var<storage, read> a: array<vec4<Elem>>;
fn load_a(i: u32) -> vec4f { return vec4f(a[i]); }

// A block of a as it is stored is four parts, from row m and column k on: rows of a, or of its transpose.
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
