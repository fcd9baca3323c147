// The unimodality-supervised contrast, equation 2 of the UniS-MMC paper. A are the attracted samples (the paper's P and S),
// R the repelled ones, lse_A = log sum over A of exp(s / t), lse_R likewise:
//   L = -log(exp(lse_A) / (exp(lse_A) + exp(lse_R))) = log(1 + e^d),   d = lse_R - lse_A
// and 0 where A or R is empty. As softplus of d, L keeps its digits however small R's fraction is; so does the gradient,
// in which softmax over A + R and softmax over A do not cancel but have the factor sigmoid(d) = R's fraction in common:
//   dL/ds_n = sigmoid(d) / t * (-exp(s_n / t - lse_A) in A, +exp(s_n / t - lse_R) in R, 0 elsewhere)
// With `divided`, the published code's log |A| is added to L, log(rows) where A is empty; the gradient knows nothing of it.
// Forward: one workgroup, each lane every WG-th sample.   Backward: one invocation one sample.
// Needs: lib/workgroup.wgsl, lib/grid.wgsl, lib/nan.wgsl

// attracted, repelled: sets of pair types, bit t standing for type t.
struct Params { rows: u32, attracted: u32, repelled: u32, divided: u32, inverse_temperature: f32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> s: array<f32>;
@group(0) @binding(2) var<storage, read> types: array<u32>;
@group(0) @binding(3) var<storage, read_write> loss: array<f32>;
@group(0) @binding(4) var<storage, read_write> found: array<vec4f>; // largest s and sum of weights of A, then of R

const LOWEST: f32 = -3.4028234e38;

fn is_in(pair_type: u32, members: u32) -> bool { return ((members >> min(pair_type, 31u)) & 1u) != 0u; }

// e^x for x <= 0; exactly 0 where it would leave the normal range. NaN, of which drivers may make a number, stays.
fn decay(x: f32) -> f32 { return select(select(exp(x), 0.0, x < -87.0), x, is_nan(x)); }

fn weight(s_n: f32, top: f32) -> f32 { return decay((s_n - top) * params.inverse_temperature); }

// The largest s of a set of types and the sum of the weights exp((s - largest) / t); the sum of none is 0.
fn statistics(lane: u32, members: u32) -> vec2f {
  var top = LOWEST;
  for (var n = lane; n < params.rows; n += WG) {
    if (is_in(types[n], members)) { top = max(top, s[n]); }
  }
  top = workgroup_max(lane, top);
  var sum = 0.0;
  for (var n = lane; n < params.rows; n += WG) {
    if (is_in(types[n], members)) { sum += weight(s[n], top); }
  }
  return vec2f(top, workgroup_sum(lane, sum));
}

// The number of samples of a set of types.
fn size_of(lane: u32, members: u32) -> f32 {
  var own = 0.0;
  for (var n = lane; n < params.rows; n += WG) { own += f32(is_in(types[n], members)); }
  return workgroup_sum(lane, own);
}

// log(1 + e) for 0 <= e <= 1 as 2 atanh(e / (2 + e)): 1 + e would lose the digits of a small e.
fn log1p(e: f32) -> f32 {
  let z = e / (2.0 + e);
  let q = z * z;
  return 2.0 * z * (1.0 + q * (1.0 / 3.0 + q * (0.2 + q * (1.0 / 7.0 + q * (1.0 / 9.0 + q * (1.0 / 11.0 + q / 13.0))))));
}

// False for sums that are not a number, so that such similarities show in the loss.
fn one_is_empty(sets: vec4f) -> bool { return sets.y == 0.0 || sets.w == 0.0; }

// d; only where neither set is empty.
fn difference(sets: vec4f) -> f32 {
  return (sets.z - sets.x) * params.inverse_temperature + log_of_sum(sets.w / sets.y);
}

@compute @workgroup_size(WG)
fn forward(@builtin(local_invocation_index) lane: u32) {
  let attracted = statistics(lane, params.attracted);
  let repelled = statistics(lane, params.repelled);
  var divisor = 1.0;
  if (params.divided != 0u) {
    let size = size_of(lane, params.attracted);
    divisor = select(size, f32(params.rows), size == 0.0);
  }
  if (lane != 0u) { return; }
  found[0] = vec4f(attracted, repelled);
  loss[0] = 0.0;
  if (!one_is_empty(vec4f(attracted, repelled))) {
    let d = difference(vec4f(attracted, repelled));
    loss[0] = max(d, 0.0) + log1p(decay(-abs(d)));
  }
  if (params.divided != 0u) { loss[0] += log(divisor); }
}

@group(0) @binding(3) var<storage, read> found_saved: array<vec4f>;
@group(0) @binding(4) var<storage, read> dy: array<f32>;
@group(0) @binding(5) var<storage, read_write> ds: array<f32>;

@compute @workgroup_size(WG)
fn backward(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let n = flat_group(group, groups) * WG + lane;
  if (n >= params.rows) { return; }
  let sets = found_saved[0];
  var slope = 0.0;
  if (!one_is_empty(sets)) {
    let d = difference(sets);
    let e = decay(-abs(d));
    let fraction = select(e, 1.0, d > 0.0) / (1.0 + e);
    if (is_in(types[n], params.attracted)) { slope = -fraction * weight(s[n], sets.x) / sets.y; }
    if (is_in(types[n], params.repelled)) { slope = fraction * weight(s[n], sets.z) / sets.w; }
  }
  ds[n] = dy[0] * slope * params.inverse_temperature;
}
