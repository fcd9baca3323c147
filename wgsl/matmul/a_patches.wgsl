// Loads of a [m, k] that is the patches of images, one vec4 at a time; `start` is a channel. Rows beyond the end repeat the
// last one.
// Needs: params.wgsl, patches.wgsl
const TRANSPOSED_A: bool = false;
@group(0) @binding(1) var<storage, read> a: array<vec4<Elem>>;
fn load_a(i: u32) -> vec4f { return vec4f(a[i]); }

fn part_a(start: u32, m: u32, k: u32, i: u32) -> vec4f {
  let at = in_image(min(m + i, params.m - 1u), k);
  return select(load_a((start + select(at, 0u, at == OUTSIDE)) / 4u), vec4f(), at == OUTSIDE);
}
fn block_of_a(_k: u32, parts: mat4x4f) -> mat4x4f { return parts; }
