// y[i] = keep[i] ? factor x[i] : 0; the gradient is the same function of dy.   One invocation four elements.
// Needs: lib/grid.wgsl, lib/philox.wgsl
alias Elem = f32;
const WG: u32 = 64u;

struct Params { vectors: u32, key0: u32, key1: u32, layer: u32, step: u32, threshold: u32, factor: f32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<Elem>>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<Elem>>;

@compute @workgroup_size(WG)
fn dropout(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = flat_group(group, groups) * WG + lane;
  if (i >= params.vectors) { return; }
  let keep = keep4(i, vec4u(params.key0, params.key1, params.layer, params.step), params.threshold);
  y[i] = vec4<Elem>(select(vec4f(), params.factor * vec4f(x[i]), keep));
}
