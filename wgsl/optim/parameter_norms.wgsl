// norms[p] = sqrt(sum of g^2) over the learned elements of each parameter p, of flat arrays of gradients.
//   square_sums   sums[start + i] = sum of g^2 over chunk i of a range, which lies in one parameter   one workgroup one chunk
//   roots         norms[p] = sqrt(sum of the sums of its chunks)                                      one workgroup one parameter
// Needs: optim/blocks.wgsl, lib/grid.wgsl, lib/workgroup.wgsl
struct Params { count: u32, start: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> grads: array<vec4f>;
@group(0) @binding(3) var<storage, read> chunks: array<vec2u>; // first pack, end
@group(0) @binding(4) var<storage, read_write> sums: array<f32>;

@compute @workgroup_size(WG)
fn square_sums(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let chunk = flat_group(group, groups);
  if (chunk >= params.count) { return; }
  let ends = chunks[chunk];
  var sum = 0.0;
  for (var i = ends.x + lane; i < ends.y; i += WG) {
    let g = select(vec4f(), grads[i], vec4u(0u, 1u, 2u, 3u) < vec4u(learned(i, block_at(i))));
    sum += dot(g, g);
  }
  sum = workgroup_sum(lane, sum);
  if (lane == 0u) { sums[params.start + chunk] = sum; }
}

@group(0) @binding(2) var<storage, read> sums_given: array<f32>;
@group(0) @binding(3) var<storage, read> members: array<vec2u>; // first chunk, chunks
@group(0) @binding(4) var<storage, read_write> norms: array<f32>;

@compute @workgroup_size(WG)
fn roots(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let parameter = flat_group(group, groups);
  if (parameter >= params.count) { return; }
  let own = members[parameter];
  var sum = 0.0;
  for (var i = lane; i < own.y; i += WG) { sum += sums_given[own.x + i]; }
  sum = workgroup_sum(lane, sum);
  if (lane == 0u) { norms[parameter] = sqrt(sum); }
}
