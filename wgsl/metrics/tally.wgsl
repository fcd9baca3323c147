// sums[at + i] += factor · values[i].   One invocation one value, f32 or whole numbers.
// Needs: lib/grid.wgsl
alias Value = f32;
const WG: u32 = 64u;

struct Params { at: u32, count: u32, factor: f32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> values: array<Value>;
@group(0) @binding(2) var<storage, read_write> sums: array<f32>;

@compute @workgroup_size(WG)
fn tally(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = flat_group(group, groups) * WG + lane;
  if (i < params.count) { sums[params.at + i] += params.factor * f32(values[i]); }
}
