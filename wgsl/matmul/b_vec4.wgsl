// 4×4 blocks of b [k, n], stored so or as [n, k], loaded one vec4 at a time. Columns beyond the end repeat the last ones.
// Needs: params.wgsl
const TRANSPOSED_B: bool = false;
@group(0) @binding(2) var<storage, read> b: array<vec4<Elem>>;
fn load_b(i: u32) -> vec4f { return vec4f(b[i]); }

fn block_b(start: u32, k: u32, n: u32) -> mat4x4f {
  if (TRANSPOSED_B) {
    let stride = params.k / 4u;
    let at = start / 4u + k / 4u;
    let end = params.n - 1u;
    return transpose(mat4x4f(
      load_b(at + min(n, end) * stride), load_b(at + min(n + 1u, end) * stride),
      load_b(at + min(n + 2u, end) * stride), load_b(at + min(n + 3u, end) * stride)));
  }
  let stride = params.n / 4u;
  let at = start / 4u + min(n / 4u, stride - 1u);
  let end = params.k - 1u;
  return rows_along_k(k, mat4x4f(
    load_b(at + k * stride), load_b(at + min(k + 1u, end) * stride),
    load_b(at + min(k + 2u, end) * stride), load_b(at + min(k + 3u, end) * stride)));
}
