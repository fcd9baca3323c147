// 4×4 blocks of a [m, k], stored so or as [k, m], by vec4s. Rows beyond the end repeat the last one.
// Needs: params.wgsl
const TRANSPOSED_A: bool = false;
@group(0) @binding(1) var<storage, read> a: array<vec4<Elem>>;
fn load_a(i: u32) -> vec4f { return vec4f(a[i]); }

fn block_a(start: u32, m: u32, k: u32) -> mat4x4f {
  if (TRANSPOSED_A) {
    let stride = params.m / 4u;
    let at = start / 4u + min(m / 4u, stride - 1u);
    let end = params.k - 1u;
    return transpose(rows_along_k(k, mat4x4f(
      load_a(at + k * stride), load_a(at + min(k + 1u, end) * stride),
      load_a(at + min(k + 2u, end) * stride), load_a(at + min(k + 3u, end) * stride))));
  }
  let stride = params.k / 4u;
  let at = start / 4u + k / 4u;
  let end = params.m - 1u;
  return mat4x4f(
    load_a(at + min(m, end) * stride), load_a(at + min(m + 1u, end) * stride),
    load_a(at + min(m + 2u, end) * stride), load_a(at + min(m + 3u, end) * stride));
}
