// Cross entropy with weights, a smoothed target and the factor of the focal loss (Lin et al., 2017), of a row x with label y,
//   p = softmax(x),   m = (1 - p_y)^gamma,   a = (1 - smoothing) w_y,   b = smoothing / classes,   W = sum over c of w_c
//   S = a (-log p_y) + b sum over c of w_c (-log p_c)                    as torch's CrossEntropyLoss, w being its `weight`
//   loss = u m S,   u being the weight of the row
//   dx_c = u (m ((a + b W) p_c - a [c = y] - b w_c) + gamma (1 - p_y)^(gamma - 1) p_y S (p_c - [c = y])) dy / rows
// One workgroup one row. `found` is (largest score, sum of weights of the softmax, S, W) of every row; dy the gradient of the
// mean loss.
// Needs: losses/label.wgsl, rows/keep_all.wgsl; rows/softmax_row.wgsl and what it needs; lib/grid.wgsl, lib/nan.wgsl
struct Params { rows: u32, smoothing: f32, gamma: f32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Pack>;
@group(0) @binding(2) var<storage, read> labels: array<u32>;
@group(0) @binding(3) var<storage, read> class_weights: array<Pack>;
@group(0) @binding(4) var<storage, read> row_weights: array<f32>;
@group(0) @binding(5) var<storage, read_write> loss: array<f32>;
@group(0) @binding(6) var<storage, read_write> found: array<vec4f>;

// a and b.
fn target_weights(label: u32) -> vec2f {
  let own = element(Wide(class_weights[label / WIDTH]), label % WIDTH);
  return vec2f((1.0 - params.smoothing) * own, params.smoothing / f32(PACKS * WIDTH));
}

// 1 - p, never quite 0: the slope of its power may be infinite there, and is multiplied by a loss that is 0.
fn doubt(p: f32) -> f32 { return max(1.0 - p, 1e-7); }

@compute @workgroup_size(WG)
fn forward(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = flat_group(group, groups);
  if (row >= params.rows) { return; }
  let statistics = softmax_row(row, lane);
  let log_sum = log_of_sum(statistics.y);
  var spread = 0.0;
  var all = 0.0;
  for (var step = 0u; step < STEPS; step++) {
    let pack = lane + step * WG;
    if (inside(pack) && params.smoothing > 0.0) {
      let own = Wide(class_weights[pack]);
      spread += total(own * ((statistics.x - score(row, pack)) + log_sum));
      all += total(own);
    }
  }
  spread = workgroup_sum(lane, spread);
  all = workgroup_sum(lane, all);
  if (lane == 0u) {
    let label = label_of(row);
    let right = (statistics.x - element(score(row, label / WIDTH), label % WIDTH)) + log_sum; // -log p_y
    let goal = target_weights(label);
    let sum = goal.x * right + goal.y * spread;
    found[row] = vec4f(statistics, sum, all);
    loss[row] = row_weights[row] * sum;
    if (params.gamma > 0.0) { loss[row] *= pow(doubt(exp(-right)), params.gamma); }
  }
}

@group(0) @binding(5) var<storage, read> dy: array<f32>;
@group(0) @binding(6) var<storage, read> found_saved: array<vec4f>;
@group(0) @binding(7) var<storage, read_write> dx: array<Pack>;

@compute @workgroup_size(WG)
fn backward(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = flat_group(group, groups);
  if (row >= params.rows) { return; }
  let label = label_of(row);
  let goal = target_weights(label);
  let saved = found_saved[row];
  var factor = 1.0; // m
  var pull = 0.0; // gamma (1 - p_y)^(gamma - 1) p_y S
  if (params.gamma > 0.0) {
    let p = element(weight(score(row, label / WIDTH) - saved.x), label % WIDTH) / saved.y;
    factor = pow(doubt(p), params.gamma);
    pull = params.gamma * pow(doubt(p), params.gamma - 1.0) * p * saved.z;
  }
  let slope = row_weights[row] * dy[0] / f32(params.rows);
  for (var step = 0u; step < STEPS; step++) {
    let pack = lane + step * WG;
    if (inside(pack)) {
      let p = weight(score(row, pack) - saved.x) / saved.y;
      let right = one_hot(pack, label);
      let ds = (goal.x + goal.y * saved.w) * p - goal.x * right - goal.y * Wide(class_weights[pack]);
      dx[row * PACKS + pack] = Pack(slope * (factor * ds + pull * (p - right)));
    }
  }
}
