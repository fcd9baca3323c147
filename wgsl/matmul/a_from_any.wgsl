// Blocks of a for tiles.wgsl where addresses have no part that could be found once: the counterpart of a_from_vec4.wgsl.
// Needs: a_block.wgsl
fn origin_a(start: u32, _m: u32, _along: u32) -> u32 { return start; }
fn block_from_a(start: u32, m: u32, along: u32, k: u32) -> mat4x4f { return block_a(start, m, k + along); }
