// Two blocks of a, one below the other, that all eight lanes of a subgroup need: each lane loads an eighth of them.
// Needs: a_vec4.wgsl or a_scalar.wgsl
fn pair_a(start: u32, m: u32, k: u32, lane: u32) -> array<mat4x4f, 2> {
  let part = part_a(start, m + lane / 4u * 4u, k, lane % 4u);
  return array(
    block_of_a(k, mat4x4f(subgroupBroadcast(part, 0u), subgroupBroadcast(part, 1u), subgroupBroadcast(part, 2u), subgroupBroadcast(part, 3u))),
    block_of_a(k, mat4x4f(subgroupBroadcast(part, 4u), subgroupBroadcast(part, 5u), subgroupBroadcast(part, 6u), subgroupBroadcast(part, 7u))));
}
