// h = (x - mean) r,   r = 1 / sqrt(variance + epsilon),   y = gamma h + beta,   mean and variance over the rows of x [rows, packs]
//   by batch statistics, backward:     dx = gamma r (dy - mean(dy) - h mean(dy h))
//   by running statistics, backward:   dx = gamma r dy
//   dgamma += sum of dy h,   dbeta += sum of dy,   running += momentum (batch's - running), its variance divided by rows - 1
// `statistics` and `sums`: one invocation one column of packs of one chunk of rows; `join` and `join_sums`: one workgroup one column,
// over the chunks; `apply` and `backward`: one invocation some rows of one column, so that what belongs to a column is loaded once.
// Variance by two passes over each chunk, and chunks combined by their means (Chan, Golub, LeVeque, 1979). Means are relative to
// the first row, and saved so: a large common offset then costs no digits.
// x, y and their gradients are of Elem; everything else is f32.
// Needs: rows/by_four.wgsl or rows/by_one.wgsl, lib/workgroup.wgsl, lib/grid.wgsl
struct Params { rows: u32, packs: u32, chunk: u32, chunks: u32, epsilon: f32, momentum: f32, unbiased: f32, inverse_rows: f32, added: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Pack>; // [rows, packs]
@group(0) @binding(2) var<storage, read_write> partials: array<Wide>; // [2, chunks, packs]

@compute @workgroup_size(WG)
fn statistics(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let id = flat_group(group, groups) * WG + lane;
  if (id >= params.chunks * params.packs) { return; }
  let pack = id % params.packs;
  let first = id / params.packs * params.chunk;
  let last = min(first + params.chunk, params.rows);
  let origin = Wide(x[pack]);
  var sum = Wide(0.0);
  for (var row = first; row < last; row++) { sum += Wide(x[row * params.packs + pack]) - origin; }
  let mean = sum / f32(last - first);
  var squares = Wide(0.0);
  for (var row = first; row < last; row++) {
    let distance = Wide(x[row * params.packs + pack]) - origin - mean;
    squares += distance * distance;
  }
  partials[id] = mean;
  partials[params.chunks * params.packs + id] = squares;
}

@group(0) @binding(2) var<storage, read> partials_saved: array<Wide>; // [2, chunks, packs]
@group(0) @binding(3) var<storage, read_write> moments: array<Wide>; // [4, packs]: x of the first row, mean - that, r, variance

@compute @workgroup_size(WG)
fn join(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let pack = flat_group(group, groups);
  if (pack >= params.packs) { return; }
  var sum = Wide(0.0);
  for (var c = lane; c < params.chunks; c += WG) { sum += rows_in(c) * partials_saved[c * params.packs + pack]; }
  let mean = workgroup_sums(lane, sum) / f32(params.rows);
  var squares = Wide(0.0);
  for (var c = lane; c < params.chunks; c += WG) {
    let distance = partials_saved[c * params.packs + pack] - mean;
    squares += partials_saved[(params.chunks + c) * params.packs + pack] + rows_in(c) * distance * distance;
  }
  let variance = workgroup_sums(lane, squares) / f32(params.rows);
  if (lane == 0u) { put_moments(pack, Wide(x[pack]), mean, variance); }
}

fn rows_in(c: u32) -> f32 { return f32(min(params.chunk, params.rows - c * params.chunk)); }
fn put_moments(pack: u32, origin: Wide, mean: Wide, variance: Wide) {
  moments[pack] = origin;
  moments[params.packs + pack] = mean;
  moments[2u * params.packs + pack] = 1.0 / sqrt(variance + params.epsilon);
  moments[3u * params.packs + pack] = variance;
}

@group(0) @binding(1) var<storage, read> running_mean_now: array<Wide>;
@group(0) @binding(2) var<storage, read> running_variance_now: array<Wide>;

@compute @workgroup_size(WG)
fn by_running(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let pack = flat_group(group, groups) * WG + lane;
  if (pack < params.packs) { put_moments(pack, running_mean_now[pack], Wide(0.0), running_variance_now[pack]); }
}

@group(0) @binding(2) var<storage, read> moments_saved: array<Wide>; // [4, packs]
@group(0) @binding(3) var<storage, read_write> running_mean: array<Wide>;
@group(0) @binding(4) var<storage, read_write> running_variance: array<Wide>;
@group(0) @binding(5) var<storage, read_write> batches: array<f32>; // [1]: how often the running statistics have moved

@compute @workgroup_size(WG)
fn move_running(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let pack = flat_group(group, groups) * WG + lane;
  if (pack >= params.packs) { return; }
  let mean = moments_saved[pack] + moments_saved[params.packs + pack];
  let variance = params.unbiased * moments_saved[3u * params.packs + pack];
  running_mean[pack] += params.momentum * (mean - running_mean[pack]);
  running_variance[pack] += params.momentum * (variance - running_variance[pack]);
  if (pack == 0u) { batches[0] += 1.0; }
}

@group(0) @binding(3) var<storage, read> gamma: array<Wide>;
@group(0) @binding(4) var<storage, read> beta: array<Wide>;
@group(0) @binding(5) var<storage, read_write> y: array<Pack>;

@compute @workgroup_size(WG)
fn apply(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let id = flat_group(group, groups) * WG + lane;
  if (id >= params.chunks * params.packs) { return; }
  let pack = id % params.packs;
  let first = id / params.packs * params.chunk;
  let last = min(first + params.chunk, params.rows);
  let origin = moments_saved[pack];
  let mean = moments_saved[params.packs + pack];
  let r = moments_saved[2u * params.packs + pack];
  let gain = gamma[pack];
  let shift = beta[pack];
  for (var row = first; row < last; row++) {
    let at = row * params.packs + pack;
    y[at] = Pack(gain * ((Wide(x[at]) - origin - mean) * r) + shift);
  }
}

@group(0) @binding(4) var<storage, read> dy: array<Pack>;
@group(0) @binding(5) var<storage, read_write> sum_partials: array<Wide>; // [2, chunks, packs]: of dy, and of dy h

@compute @workgroup_size(WG)
fn sums(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let id = flat_group(group, groups) * WG + lane;
  if (id >= params.chunks * params.packs) { return; }
  let pack = id % params.packs;
  let first = id / params.packs * params.chunk;
  let last = min(first + params.chunk, params.rows);
  let origin = moments_saved[pack];
  let mean = moments_saved[params.packs + pack];
  let r = moments_saved[2u * params.packs + pack];
  var of_beta = Wide(0.0);
  var of_gamma = Wide(0.0);
  for (var row = first; row < last; row++) {
    let at = row * params.packs + pack;
    let gradient = Wide(dy[at]);
    of_beta += gradient;
    of_gamma += gradient * (Wide(x[at]) - origin - mean);
  }
  sum_partials[id] = of_beta;
  sum_partials[params.chunks * params.packs + id] = of_gamma * r;
}

@group(0) @binding(1) var<storage, read> sum_partials_saved: array<Wide>; // [2, chunks, packs]
@group(0) @binding(2) var<storage, read_write> totals: array<Wide>; // [2, packs]: of dy, and of dy h
@group(0) @binding(3) var<storage, read_write> dgamma: array<Wide>;
@group(0) @binding(4) var<storage, read_write> dbeta: array<Wide>;

@compute @workgroup_size(WG)
fn join_sums(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let pack = flat_group(group, groups);
  if (pack >= params.packs) { return; }
  var of_beta = Wide(0.0);
  var of_gamma = Wide(0.0);
  for (var c = lane; c < params.chunks; c += WG) {
    of_beta += sum_partials_saved[c * params.packs + pack];
    of_gamma += sum_partials_saved[(params.chunks + c) * params.packs + pack];
  }
  of_beta = workgroup_sums(lane, of_beta);
  of_gamma = workgroup_sums(lane, of_gamma);
  if (lane == 0u) {
    totals[pack] = of_beta;
    totals[params.packs + pack] = of_gamma;
    dbeta[pack] += of_beta;
    dgamma[pack] += of_gamma;
  }
}

@group(0) @binding(5) var<storage, read> totals_saved: array<Wide>; // [2, packs]; zeros by running statistics
@group(0) @binding(6) var<storage, read_write> dx: array<Pack>;

@compute @workgroup_size(WG)
fn backward(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let id = flat_group(group, groups) * WG + lane;
  if (id >= params.chunks * params.packs) { return; }
  let pack = id % params.packs;
  let first = id / params.packs * params.chunk;
  let last = min(first + params.chunk, params.rows);
  let origin = moments_saved[pack];
  let mean = moments_saved[params.packs + pack];
  let r = moments_saved[2u * params.packs + pack];
  let gain = gamma[pack] * r;
  let mean_dy = params.inverse_rows * totals_saved[pack];
  let slope = params.inverse_rows * totals_saved[params.packs + pack] * r;
  for (var row = first; row < last; row++) {
    let at = row * params.packs + pack;
    let gradient = gain * (Wide(dy[at]) - mean_dy - (Wide(x[at]) - origin - mean) * slope);
    var before = Wide(0.0);
    if (params.added == 1u) { before = Wide(dx[at]); }
    dx[at] = Pack(before + gradient);
  }
}
