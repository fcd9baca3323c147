// The entries of update rules, each one invocation one pack:
//   plain          gradients as they are
//   clipped        scaled by min(1, max_norm / (norm + 1e-6)), as torch's clip_grad_norm_; norm is that of all gradients
//   clipped_each   the same for each parameter by itself
// Needs: `params` and `fn update(i: u32, scale: f32)` of a rule; optim/unscaled.wgsl, or optim/loss_scaled.wgsl and what it
// needs; optim/blocks.wgsl, lib/grid.wgsl
const WG: u32 = 64u;
@group(0) @binding(7) var<storage, read> norm: array<f32>; // [1] or [parameters], of the gradients as they are stored

@compute @workgroup_size(WG)
fn plain(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  update(flat_group(group, groups) * WG + lane, gradient_factor());
}

fn clipping(norm: f32) -> f32 {
  return gradient_factor() * min(1.0, params.max_norm / (gradient_factor() * norm + 1e-6));
}

@compute @workgroup_size(WG)
fn clipped(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  update(flat_group(group, groups) * WG + lane, clipping(norm[0]));
}

@compute @workgroup_size(WG)
fn clipped_each(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = flat_group(group, groups) * WG + lane;
  if (i >= params.packs) { return; }
  update(i, clipping(norm[parameter_of(block_at(i))]));
}
