// y[i] = x[c · s], c being the coordinates of i in y's shape and s the strides of x in y's order of axes.
// One invocation one pack of y.
// Needs: lib/grid.wgsl, lib/strided.wgsl
alias Elem = f32;
alias Pack = Elem; // or vec4<Elem>
const WG: u32 = 64u;

// y's shape is [.., d1, d2, d3]; s0 to s3 are the strides; all are counted in packs.
struct Params { count: u32, d1: u32, d2: u32, d3: u32, s0: u32, s1: u32, s2: u32, s3: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Pack>;
@group(0) @binding(2) var<storage, read_write> y: array<Pack>;

@compute @workgroup_size(WG)
fn permute(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = flat_group(group, groups) * WG + lane;
  if (i >= params.count) { return; }
  let at = coordinates(i, vec4u(0u, params.d1, params.d2, params.d3));
  y[i] = x[dot(at, vec4u(params.s0, params.s1, params.s2, params.s3))];
}
