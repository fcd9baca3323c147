// flags[p] |= mark   for every learned parameter p that holds NaN or infinity in an array laid out like the parameters.
// One invocation four elements.
// Needs: optim/not_finite.wgsl, optim/blocks.wgsl, lib/grid.wgsl
const WG: u32 = 64u;

struct Params { packs: u32, mark: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> elements: array<vec4u>; // of floats, the bits
@group(0) @binding(3) var<storage, read_write> flags: array<atomic<u32>>;

@compute @workgroup_size(WG)
fn inspect(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = flat_group(group, groups) * WG + lane;
  if (i >= params.packs) { return; }
  let block = block_at(i);
  if (not_finite(elements[i], learned(i, block))) { atomicOr(&flags[parameter_of(block)], params.mark); }
}
