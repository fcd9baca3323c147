// RMSProp as torch.optim.RMSprop, not centered, over a flat array of parameters p with gradients g and moments s, b:
//   g = scale g + decay p
//   s = alpha s + (1 - alpha) g^2
//   b = momentum b + g / (sqrt(s) + epsilon)
//   p -= rate b
// One invocation one pack.   Needs: optim/entries.wgsl and what it needs
struct Params { packs: u32, alpha: f32, one_minus_alpha: f32, momentum: f32, epsilon: f32, rate_factor: f32, gradient_scale: f32, max_norm: f32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> groups_given: array<vec4f>; // learning rate, weight decay
@group(0) @binding(3) var<storage, read> grads: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> values: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> square_avg: array<vec4f>; // s
@group(0) @binding(6) var<storage, read_write> momentum_buffer: array<vec4f>; // b

fn update(i: u32, scale: f32) {
  if (i >= params.packs || is_skipped()) { return; }
  let block = block_at(i);
  if (learned(i, block) == 0u) { return; }
  let group = groups_given[group_of(block)];
  let p = values[i];
  let g = scale * grads[i] + group.y * p;
  let s = params.alpha * square_avg[i] + params.one_minus_alpha * g * g;
  let b = params.momentum * momentum_buffer[i] + g / (sqrt(s) + params.epsilon);
  square_avg[i] = s;
  momentum_buffer[i] = b;
  values[i] = p - group.x * params.rate_factor * b;
}
