// Binary cross entropy of logits x and targets y from 0 to 1, with weights, smoothed targets and the factor of the focal loss
// (Lin et al., 2017), of the label c of row r:
//   p = 1 / (1 + e^-x),   t = (1 - smoothing) y + smoothing / 2,   q = p (1 - t) + (1 - p) t
//   S = w_c t (-log p) + (1 - t) (-log(1 - p))         as torch's BCEWithLogitsLoss, w being its `pos_weight`
//   loss = u q^gamma S,   u being the weight of the row
//   dx = u (q^gamma ((1 - t) p - w_c t (1 - p)) + gamma q^(gamma - 1) (1 - 2 t) p (1 - p) S) dy / (rows labels)
// One invocation one element; dy is the gradient of the mean loss.
// Needs: lib/grid.wgsl, lib/nan.wgsl
const WG: u32 = 64u;
struct Params { rows: u32, labels: u32, smoothing: f32, gamma: f32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> targets: array<f32>;
@group(0) @binding(3) var<storage, read> label_weights: array<f32>;
@group(0) @binding(4) var<storage, read> row_weights: array<f32>;
@group(0) @binding(5) var<storage, read_write> loss: array<f32>;

// -log(1 - p) = max(x, 0) + log(1 + e), e = e^-|x|; the logarithm is 2 artanh z, z = e / (2 + e), whose series keeps the digits
// of small ones: z is 1/3 at most.
fn surprise(x: f32) -> f32 {
  let e = exp(-min(abs(x), 87.0));
  let z = e / (2.0 + e);
  let s = z * z;
  let series = 1.0 + s * (1.0 / 3.0 + s * (0.2 + s * (1.0 / 7.0 + s * (1.0 / 9.0 + s * (1.0 / 11.0 + s / 13.0)))));
  return select(max(x, 0.0) + 2.0 * z * series, x, is_nan(x));
}

fn sigmoid_of(x: f32) -> f32 { return select(1.0 / (1.0 + exp(clamp(-x, -87.0, 87.0))), x, is_nan(x)); }

// What both passes know of an element.
struct Element { x: f32, p: f32, t: f32, w: f32, u: f32, q: f32, sum: f32 }

fn element_at(i: u32) -> Element {
  let own = x[i];
  let p = sigmoid_of(own);
  let t = (1.0 - params.smoothing) * targets[i] + 0.5 * params.smoothing;
  let w = label_weights[i % params.labels];
  let sum = w * t * surprise(-own) + (1.0 - t) * surprise(own);
  // q is never quite 0: the slope of its power may be infinite there, and is multiplied by a sum that is 0.
  let q = max(p * (1.0 - t) + sigmoid_of(-own) * t, 1e-7);
  return Element(own, p, t, w, row_weights[i / params.labels], q, sum);
}

@compute @workgroup_size(WG)
fn forward(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = flat_group(group, groups) * WG + lane;
  if (i >= params.rows * params.labels) { return; }
  let own = element_at(i);
  loss[i] = own.u * own.sum;
  if (params.gamma > 0.0) { loss[i] *= pow(own.q, params.gamma); }
}

@group(0) @binding(5) var<storage, read> dy: array<f32>;
@group(0) @binding(6) var<storage, read_write> dx: array<f32>;

@compute @workgroup_size(WG)
fn backward(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = flat_group(group, groups) * WG + lane;
  if (i >= params.rows * params.labels) { return; }
  let own = element_at(i);
  let doubt = sigmoid_of(-own.x); // 1 - p, with all its digits
  var slope = (1.0 - own.t) * own.p - own.w * own.t * doubt;
  if (params.gamma > 0.0) {
    let pull = params.gamma * pow(own.q, params.gamma - 1.0) * (1.0 - 2.0 * own.t) * own.p * doubt * own.sum;
    slope = pow(own.q, params.gamma) * slope + pull;
  }
  dx[i] = own.u * slope * dy[0] / f32(params.rows * params.labels);
}
