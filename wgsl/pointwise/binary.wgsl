// y = op(a, b), elementwise:
//   same        a and b have one shape                                                  one invocation one pack
//   repeat      b is repeated as a whole, over leading dimensions of a                  one invocation one pack
//   broadcast   a and b are read through strides, 0 along dimensions they repeat over   one invocation one element
//   accumulate  sum = op(sum, b), in place, where shapes are the same                   one invocation one pack
// Needs: a file that declares `op`; lib/grid.wgsl, lib/strided.wgsl
alias Elem = f32;
alias ElemB = f32; // of b; f32 where it is a parameter and a is f16
const WG: u32 = 64u;

// The broadcast shape is [.., d1, d2, d3]; sa and sb are the strides of a and b in elements.
struct Params { count: u32, count_b: u32, d1: u32, d2: u32, d3: u32, sa0: u32, sa1: u32, sa2: u32, sa3: u32, sb0: u32, sb1: u32, sb2: u32, sb3: u32 }
@group(0) @binding(0) var<uniform> params: Params;

@group(0) @binding(1) var<storage, read> a4: array<vec4<Elem>>;
@group(0) @binding(2) var<storage, read> b4: array<vec4<ElemB>>;
@group(0) @binding(3) var<storage, read_write> y4: array<vec4<Elem>>;

@compute @workgroup_size(WG)
fn same(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = flat_group(group, groups) * WG + lane;
  if (4u * i < params.count) { y4[i] = vec4<Elem>(op(vec4f(a4[i]), vec4f(b4[i]))); }
}

@compute @workgroup_size(WG)
fn repeat(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = flat_group(group, groups) * WG + lane;
  if (4u * i < params.count) { y4[i] = vec4<Elem>(op(vec4f(a4[i]), vec4f(b4[i % (params.count_b / 4u)]))); }
}

@group(0) @binding(1) var<storage, read> a: array<Elem>;
@group(0) @binding(2) var<storage, read> b: array<ElemB>;
@group(0) @binding(3) var<storage, read_write> y: array<Elem>;

@compute @workgroup_size(WG)
fn broadcast(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = flat_group(group, groups) * WG + lane;
  if (i >= params.count) { return; }
  let at = coordinates(i, vec4u(0u, params.d1, params.d2, params.d3));
  let ia = dot(at, vec4u(params.sa0, params.sa1, params.sa2, params.sa3));
  let ib = dot(at, vec4u(params.sb0, params.sb1, params.sb2, params.sb3));
  y[i] = Elem(op(vec4f(f32(a[ia])), vec4f(f32(b[ib]))).x);
}

@group(0) @binding(3) var<storage, read_write> sum4: array<vec4<Elem>>;

@compute @workgroup_size(WG)
fn accumulate(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = flat_group(group, groups) * WG + lane;
  if (4u * i < params.count) { sum4[i] = vec4<Elem>(op(vec4f(sum4[i]), vec4f(b4[i]))); }
}
