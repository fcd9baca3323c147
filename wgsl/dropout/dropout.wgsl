// dropout      y[i] = keep[i] ? factor x[i] : 0; its gradient is the same function of dy
// dropout_add  y[i] = addend[i] + (keep[i] ? factor x[i] : 0)
// One invocation one pack.   Needs: lib/grid.wgsl, lib/philox.wgsl
alias Elem = f32;
const WG: u32 = 64u;

struct Params { packs: u32, key0: u32, key1: u32, layer: u32, step: u32, threshold: u32, factor: f32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<Elem>>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<Elem>>;
@group(0) @binding(3) var<storage, read> addend: array<vec4<Elem>>;

fn dropped(i: u32) -> vec4f {
  let keep = keep4(i, vec4u(params.key0, params.key1, params.layer, params.step), params.threshold);
  return select(vec4f(), params.factor * vec4f(x[i]), keep);
}

@compute @workgroup_size(WG)
fn dropout(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = flat_group(group, groups) * WG + lane;
  if (i < params.packs) { y[i] = vec4<Elem>(dropped(i)); }
}

@compute @workgroup_size(WG)
fn dropout_add(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = flat_group(group, groups) * WG + lane;
  if (i < params.packs) { y[i] = vec4<Elem>(vec4f(addend[i]) + dropped(i)); }
}
