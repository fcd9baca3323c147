// The exponential moving average a of parameters p:
//   update     a += share (p - a),   share = 1 - decay
//   exchange   a, p = p, a
// One invocation one pack.   Needs: lib/grid.wgsl
const WG: u32 = 64u;

struct Params { packs: u32, share: f32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> values: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> average: array<vec4f>;

@compute @workgroup_size(WG)
fn update(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = flat_group(group, groups) * WG + lane;
  if (i < params.packs) { average[i] += params.share * (values[i] - average[i]); }
}

@compute @workgroup_size(WG)
fn exchange(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = flat_group(group, groups) * WG + lane;
  if (i >= params.packs) { return; }
  let value = values[i];
  values[i] = average[i];
  average[i] = value;
}
