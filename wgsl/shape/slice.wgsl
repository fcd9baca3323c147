// A part [outer, part] of a whole [outer, whole], from `start` on in every run.
//   cut     y[o, i] = x[o, start + i]                       the part out of the whole
//   paste   y[o, start + i] = x[o, i]                       the part into the whole, the rest untouched
//   place   y[o, start + i] = x[o, i], 0 elsewhere          the part into a whole of zeros
// ADDED: `cut` and `paste` add to what y holds.
// One invocation one pack, of the part for `cut` and `paste`, of the whole for `place`.
// Needs: lib/grid.wgsl
alias Elem = f32;
alias Pack = Elem; // or vec4<Elem>
const ADDED: bool = false;
const WG: u32 = 64u;

struct Params { count: u32, whole: u32, part: u32, start: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Pack>;
@group(0) @binding(2) var<storage, read_write> y: array<Pack>;

fn put(i: u32, value: Pack) {
  if (ADDED) { y[i] += value; } else { y[i] = value; }
}

fn in_whole(i: u32) -> u32 { return i / params.part * params.whole + params.start + i % params.part; }

@compute @workgroup_size(WG)
fn cut(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = flat_group(group, groups) * WG + lane;
  if (i < params.count) { put(i, x[in_whole(i)]); }
}

@compute @workgroup_size(WG)
fn paste(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = flat_group(group, groups) * WG + lane;
  if (i < params.count) { put(in_whole(i), x[i]); }
}

@compute @workgroup_size(WG)
fn place(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = flat_group(group, groups) * WG + lane;
  if (i >= params.count) { return; }
  // Below the start this wraps around and is large.
  let within = i % params.whole - params.start;
  var value = Pack();
  if (within < params.part) { value = x[i / params.whole * params.part + within]; }
  y[i] = value;
}
