// y[i] = x[i] as another type of floats; a value beyond the range of f16 becomes infinite.   One invocation one pack.
// Needs: lib/grid.wgsl
alias From = f32;
alias To = f32;
const WG: u32 = 64u;

struct Params { packs: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<From>>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<To>>;

@compute @workgroup_size(WG)
fn convert(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = flat_group(group, groups) * WG + lane;
  if (i < params.packs) { y[i] = vec4<To>(x[i]); }
}
