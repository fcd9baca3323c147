// 4×4 blocks of b [k, n] that is the patches of images: row k is a pixel's patch. `start` is a channel. Columns beyond the
// end repeat the last ones.
// Needs: params.wgsl, patches.wgsl
const TRANSPOSED_B: bool = false;
@group(0) @binding(2) var<storage, read> b: array<vec4<Elem>>;
fn load_b(i: u32) -> vec4f { return vec4f(b[i]); }

fn part_b(start: u32, k: u32, n: u32) -> vec4f {
  let at = in_image(min(k, params.k - 1u), n);
  return select(load_b((start + select(at, 0u, at == OUTSIDE)) / 4u), vec4f(), at == OUTSIDE);
}
fn block_b(start: u32, k: u32, n: u32) -> mat4x4f {
  let column = min(n, params.n - 4u);
  return rows_along_k(k, mat4x4f(
    part_b(start, k, column), part_b(start, k + 1u, column), part_b(start, k + 2u, column), part_b(start, k + 3u, column)));
}
