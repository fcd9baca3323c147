// y[i] = op(x[i])   and   dx[i] = dy[i] * op_grad(x[i]).   One invocation one pack.
// Needs: a file that declares `op` and `op_grad`; lib/grid.wgsl
alias Elem = f32;
const WG: u32 = 64u;

// a and b are the coefficients of affine.wgsl; other ops use neither.
struct Params { packs: u32, a: f32, b: f32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<Elem>>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<Elem>>;

@compute @workgroup_size(WG)
fn forward(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = flat_group(group, groups) * WG + lane;
  if (i < params.packs) { y[i] = vec4<Elem>(op(vec4f(x[i]))); }
}

@group(0) @binding(2) var<storage, read> dy: array<vec4<Elem>>;
@group(0) @binding(3) var<storage, read_write> dx: array<vec4<Elem>>;

@compute @workgroup_size(WG)
fn backward(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = flat_group(group, groups) * WG + lane;
  if (i < params.packs) { dx[i] = vec4<Elem>(vec4f(dy[i]) * op_grad(vec4f(x[i]))); }
}
