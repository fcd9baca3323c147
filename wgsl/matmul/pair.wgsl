// Two blocks of a, one below the other, that all eight lanes of a workgroup need: each lane loads them for itself.
// Needs: a_block.wgsl
fn pair_a(start: u32, m: u32, k: u32, _lane: u32) -> array<mat4x4f, 2> { return array(block_a(start, m, k), block_a(start, m + 4u, k)); }
