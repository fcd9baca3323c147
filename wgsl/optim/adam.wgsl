// Adam (Kingma and Ba, 2015), over a flat array of parameters p with gradients g and moments m, v:
//   g = scale g,   DECOUPLED ? p -= rate decay p : g += decay p     (Loshchilov and Hutter, 2019, where decoupled)
//   m = beta1 m + (1 - beta1) g
//   v = beta2 v + (1 - beta2) g^2
//   p -= rate m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + epsilon)     (t unlimited where not BIAS_CORRECTED)
// One invocation one pack.   Needs: optim/entries.wgsl and what it needs; optim/adam_in_place.wgsl or
// optim/adam_before.wgsl; optim/corrections.wgsl or optim/scaled_corrections.wgsl
const DECOUPLED: bool = false;
const BIAS_CORRECTED: bool = true;

// The host computes correction1 = 1 / (1 - beta1^t) and correction2 = 1 / sqrt(1 - beta2^t) in float64. rate_factor is
// what the step multiplies all learning rates by.
struct Params { packs: u32, beta1: f32, one_minus_beta1: f32, beta2: f32, one_minus_beta2: f32, epsilon: f32, correction1: f32, correction2: f32, rate_factor: f32, gradient_scale: f32, max_norm: f32 }
@group(0) @binding(0) var<uniform> params: Params;
// Learning rate, weight decay; and both corrections of a group that was held and so has taken fewer steps, or 0.
@group(0) @binding(2) var<storage, read> groups_given: array<vec4f>;
@group(0) @binding(3) var<storage, read> grads: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> values: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> exp_avg: array<vec4f>; // m
@group(0) @binding(6) var<storage, read_write> exp_avg_sq: array<vec4f>; // v

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
  if (BIAS_CORRECTED) {
    let corrections = select(vec2f(correction1(), correction2()), group.zw, group.z > 0.0);
    values[i] = p - rate * corrections.x * m / (sqrt(v) * corrections.y + params.epsilon);
  } else {
    values[i] = p - rate * m / (sqrt(v) + params.epsilon);
  }
}
