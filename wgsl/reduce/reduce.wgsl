// y[o, c, i] = factor · the reduction over n in chunk c of x[o, n, i], x being [outer, n, inner]:
//   columns   one invocation one (o, c, i)
//   rows      where inner is 1: one workgroup one (o, c), a tree over its lanes
// ADDED: the result is added to what y holds.
// Needs: a file that declares `start`, `combine` and `workgroup_combine`; lib/grid.wgsl, lib/workgroup.wgsl
alias Elem = f32; // of x
alias Out = f32; // of y
const ADDED: bool = false;

struct Params { n: u32, inner: u32, chunk: u32, chunks: u32, count: u32, factor: f32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Elem>;
@group(0) @binding(2) var<storage, read_write> y: array<Out>;

fn put(i: u32, total: f32) {
  let result = Out(total * params.factor);
  if (ADDED) { y[i] += result; } else { y[i] = result; }
}

@compute @workgroup_size(WG)
fn columns(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let id = flat_group(group, groups) * WG + lane;
  if (id >= params.count) { return; }
  let i = id % params.inner;
  let c = id / params.inner % params.chunks;
  let o = id / params.inner / params.chunks;
  let first = c * params.chunk;
  let last = min(first + params.chunk, params.n);
  var total = start();
  for (var n = first; n < last; n++) { total = combine(total, f32(x[(o * params.n + n) * params.inner + i])); }
  put(id, total);
}

@compute @workgroup_size(WG)
fn rows(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let id = flat_group(group, groups);
  if (id >= params.count) { return; }
  let row = id / params.chunks * params.n;
  let first = id % params.chunks * params.chunk;
  let last = min(first + params.chunk, params.n);
  var total = start();
  for (var n = first + lane; n < last; n += WG) { total = combine(total, f32(x[row + n])); }
  total = workgroup_combine(lane, total);
  if (lane == 0u) { put(id, total); }
}
