// Dynamic loss scaling (Micikevicius et al., 2018; rule and numbers of torch.cuda.amp.GradScaler):
//   seed      gradient of a loss = weight * scale
//   inspect   overflow = some gradient is infinite or NaN.   One invocation one pack.
//   decide    overflow: the step is skipped, scale *= backoff, but at least `minimum`
//             else:     a step is taken; after `interval` of them in a row, scale *= growth
// Needs: optim/loss_scale_state.wgsl, optim/not_finite.wgsl, optim/blocks.wgsl, lib/grid.wgsl
const WG: u32 = 64u;

struct Params { weight: f32, packs: u32, beta1: f32, one_minus_beta1: f32, beta2: f32, one_minus_beta2: f32, backoff: f32, minimum: f32, growth: f32, interval: f32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read_write> state: array<f32>;
@group(0) @binding(3) var<storage, read_write> gradient: array<f32>;

@compute @workgroup_size(1)
fn seed() {
  gradient[0] = params.weight * state[SCALE];
}

@group(0) @binding(4) var<storage, read> grads: array<vec4u>; // of floats, the bits
@group(0) @binding(5) var<storage, read_write> overflow: atomic<u32>;

@compute @workgroup_size(WG)
fn inspect(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = flat_group(group, groups) * WG + lane;
  if (i >= params.packs) { return; }
  if (not_finite(grads[i], learned(i, block_at(i)))) { atomicStore(&overflow, 1u); }
}

@compute @workgroup_size(1)
fn decide() {
  let scale = state[SCALE];
  state[UNSCALE] = 1.0 / scale;
  if (atomicLoad(&overflow) != 0u) {
    atomicStore(&overflow, 0u);
    state[SKIP] = 1.0;
    state[SKIPPED] += 1.0;
    state[IN_ROW] += 1.0;
    state[SCALE] = max(scale * params.backoff, params.minimum);
    state[GOOD] = 0.0;
    return;
  }
  state[SKIP] = 0.0;
  state[IN_ROW] = 0.0;
  state[WEIGHT1] = params.beta1 * state[WEIGHT1] + params.one_minus_beta1;
  state[WEIGHT2] = params.beta2 * state[WEIGHT2] + params.one_minus_beta2;
  state[GOOD] += 1.0;
  if (state[GOOD] >= params.interval) {
    state[SCALE] = min(scale * params.growth, 1e38);
    state[GOOD] = 0.0;
  }
}
