// What each lane of a workgroup gets when it exchanges its place with the lane 1, 2, 4 and so on up to 32 places away: that lane's
// place, where both are of one subgroup and its lanes are in the order of the workgroup's. The last subgroup may be half full.
const WG: u32 = 240u;
@group(0) @binding(0) var<storage, read_write> found: array<vec4f>; // [WG, 6]

@compute @workgroup_size(WG)
fn probe(@builtin(local_invocation_index) lane: u32) {
  let place = vec4f(vec4u(lane) + vec4u(0u, 1000u, 2000u, 3000u));
  found[6u * lane] = subgroupShuffleXor(place, 1u);
  found[6u * lane + 1u] = subgroupShuffleXor(place, 2u);
  found[6u * lane + 2u] = subgroupShuffleXor(place, 4u);
  found[6u * lane + 3u] = subgroupShuffleXor(place, 8u);
  found[6u * lane + 4u] = subgroupShuffleXor(place, 16u);
  found[6u * lane + 5u] = subgroupShuffleXor(place, 32u);
}
