// Blocks of b for tiles.wgsl where addresses have no part that could be found once: the counterpart of b_from_vec4.wgsl.
// Needs: b_scalar.wgsl or b_patches.wgsl
fn origin_b(start: u32, _n: u32, _along: u32) -> u32 { return start; }
fn block_from_b(start: u32, n: u32, along: u32, k: u32) -> mat4x4f { return block_b(start, k + along, n); }
