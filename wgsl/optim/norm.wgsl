// norm = sqrt(sum of g^2) over the learned elements of flat arrays of gradients.
//   square_sums   sums[start + i] = sum of g^2 over chunk i of CHUNK packs     one workgroup one chunk
//   root          norm = sqrt(sum of all sums)                                 one workgroup
// Needs: optim/blocks.wgsl, lib/grid.wgsl, lib/workgroup.wgsl
const CHUNK: u32 = 4096u;

struct Params { packs: u32, chunks: u32, start: u32, count: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> grads: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> sums: array<f32>;

@compute @workgroup_size(WG)
fn square_sums(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let chunk = flat_group(group, groups);
  if (chunk >= params.chunks) { return; }
  let last = min((chunk + 1u) * CHUNK, params.packs);
  var sum = 0.0;
  for (var i = chunk * CHUNK + lane; i < last; i += WG) {
    let count = learned(i, block_at(i));
    let g = select(vec4f(), grads[i], vec4u(0u, 1u, 2u, 3u) < vec4u(count));
    sum += dot(g, g);
  }
  sum = workgroup_sum(lane, sum);
  if (lane == 0u) { sums[params.start + chunk] = sum; }
}

@group(0) @binding(2) var<storage, read> sums_given: array<f32>;
@group(0) @binding(3) var<storage, read_write> norm: array<f32>;

@compute @workgroup_size(WG)
fn root(@builtin(local_invocation_index) lane: u32) {
  var sum = 0.0;
  for (var i = lane; i < params.count; i += WG) { sum += sums_given[i]; }
  sum = workgroup_sum(lane, sum);
  if (lane == 0u) { norm[0] = sqrt(sum); }
}
