// Adam (Kingma and Ba, 2015), over a flat array of parameters p with gradients g and moments m, v:
//   g = scale g,   DECOUPLED ? p -= rate decay p : g += decay p     (Loshchilov and Hutter, 2019, where decoupled)
//   m = beta1 m + (1 - beta1) g
//   v = beta2 v + (1 - beta2) g^2
//   p -= rate m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + epsilon)
// `clipped` scales by min(1, max_norm / (norm + 1e-6)) too, as torch's clip_grad_norm_.
// One invocation one pack.   Needs: optim/unscaled.wgsl, or optim/loss_scaled.wgsl and what it needs;
// optim/adam_in_place.wgsl or optim/adam_before.wgsl, optim/blocks.wgsl, lib/grid.wgsl
const DECOUPLED: bool = false;
const WG: u32 = 64u;

// The host computes correction1 = 1 / (1 - beta1^t) and correction2 = 1 / sqrt(1 - beta2^t) in float64. rate_factor is
// what the step multiplies all learning rates by.
struct Params { packs: u32, beta1: f32, one_minus_beta1: f32, beta2: f32, one_minus_beta2: f32, epsilon: f32, correction1: f32, correction2: f32, rate_factor: f32, gradient_scale: f32, max_norm: f32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> groups_given: array<vec2f>; // learning rate, weight decay
@group(0) @binding(3) var<storage, read> grads: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> values: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> exp_avg: array<vec4f>; // m
@group(0) @binding(6) var<storage, read_write> exp_avg_sq: array<vec4f>; // v
@group(0) @binding(7) var<storage, read> norm: array<f32>; // of the gradients as they are stored

fn update(i: u32, scale: f32) {
  if (i >= params.packs || is_skipped()) { return; }
  let block = block_at(i);
  if (learned(i, block) == 0u) { return; }
  let group = groups_given[group_of(block)];
  let rate = group.x * params.rate_factor;
  var p = value_at(i);
  var g = scale * grads[i];
  if (DECOUPLED) { p -= rate * group.y * p; } else { g += group.y * p; }
  let m = params.beta1 * exp_avg_at(i) + params.one_minus_beta1 * g;
  let v = params.beta2 * exp_avg_sq_at(i) + params.one_minus_beta2 * g * g;
  exp_avg[i] = m;
  exp_avg_sq[i] = v;
  values[i] = p - rate * correction1() * m / (sqrt(v) * correction2() + params.epsilon);
}

@compute @workgroup_size(WG)
fn plain(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  update(flat_group(group, groups) * WG + lane, gradient_factor());
}

@compute @workgroup_size(WG)
fn clipped(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let length = gradient_factor() * norm[0];
  let scale = gradient_factor() * min(1.0, params.max_norm / (length + 1e-6));
  update(flat_group(group, groups) * WG + lane, scale);
}
