// The simple noise scale tr(S) / |G|^2 of gradients (McCandlish et al. 2018, appendix A.1), where G is the mean of the samples'
// gradients and S their covariance. By the gradient g of the first micro-batch of a step, of b samples, and h of all B of it,
//   |G|^2 = E (B |h|^2 - b |g|^2) / (B - b)
//   tr(S) = E (|g|^2 - |h|^2) / (1/b - 1/B)
//   first     keeps |g|^2 and b; micro-batches have weights, by which their gradients are added up
//   more      counts a further micro-batch
//   measure   takes both into their averages, average = decay * average + (1 - decay) * new, unless a gradient is not finite
// Needs: optim/loss_scale_state.wgsl, optim/gradient_noise_state.wgsl
struct Params { weight: f32, size: f32, share: f32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> state: array<f32>;
@group(0) @binding(2) var<storage, read> norm: array<u32>; // of a float, the bits
@group(0) @binding(3) var<storage, read> scaling: array<f32>; // SCALE is what all gradients are multiplied by

// The square of the norm of a gradient whose parts were multiplied by weights of this sum; below 0 where it is beyond floats.
fn square(weight: f32) -> f32 {
  let length = bitcast<f32>(norm[0]) / (weight * scaling[SCALE]);
  return select(length * length, -1.0, not_finite(norm[0]) || length > 1e18);
}

fn not_finite(bits: u32) -> bool { return (bits & 0x7f800000u) == 0x7f800000u; }

@compute @workgroup_size(1)
fn first() {
  state[FIRST_SQUARE] = square(params.weight);
  state[FIRST_SIZE] = params.size;
  state[WEIGHT] = params.weight;
  state[SIZE] = params.size;
}

@compute @workgroup_size(1)
fn more() {
  state[WEIGHT] += params.weight;
  state[SIZE] += params.size;
}

@compute @workgroup_size(1)
fn measure() {
  let small = state[FIRST_SIZE];
  let large = state[SIZE];
  let small_square = state[FIRST_SQUARE];
  let large_square = square(state[WEIGHT]);
  if (large <= small || small_square < 0.0 || large_square < 0.0) { return; }
  let signal = (large * large_square - small * small_square) / (large - small);
  let noise = (small_square - large_square) / (1.0 / small - 1.0 / large);
  state[SIGNAL] += params.share * (signal - state[SIGNAL]);
  state[NOISE] += params.share * (noise - state[NOISE]);
}
