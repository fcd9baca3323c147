// h = (x - mean) r,   r = 1 / sqrt(variance + epsilon),   y = gamma h + beta
// With g = gamma dy:   dx = r (g - mean(g) - h mean(g h)),   dgamma += sum over rows of dy h,   dbeta += that of dy
// One workgroup `rows_each` rows, one after the other, so that gamma is loaded once for all of them and their part of
// dgamma and dbeta gathers in registers; `join` adds up these partial sums, a pack a workgroup, and so does the backward pass of
// the next layer norm, `backward_and_join`, in workgroups beyond its own. Variance by a second pass over the
// held row. Means are taken relative to the row's first element, and saved so: a large common offset then costs no digits.
// x, y and their gradients are of Elem; gamma, beta, their gradients and all arithmetic are f32.
// Needs: rows/row.wgsl, rows/by_four.wgsl or rows/by_one.wgsl, lib/workgroup.wgsl, lib/grid.wgsl
struct Params {
  rows: u32, rows_each: u32, epsilon: f32,
  added: u32, // 1 where dx is added to what it holds
  groups: u32, // workgroups for rows
  parts: u32, // partial sums that are joined
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Pack>;
@group(0) @binding(2) var<storage, read> gamma: array<Wide>;
@group(0) @binding(3) var<storage, read> beta: array<Wide>;
@group(0) @binding(4) var<storage, read_write> y: array<Pack>;
@group(0) @binding(5) var<storage, read_write> moments: array<vec2f>; // mean - x[first], r

const COLS: f32 = f32(PACKS * WIDTH);
var<private> held_gamma: array<Wide, STEPS>;
var<private> held_beta: array<Wide, STEPS>;
var<private> held: array<Wide, STEPS>;

@compute @workgroup_size(WG)
fn forward(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let first = flat_group(group, groups) * params.rows_each;
  if (first >= params.rows) { return; }
  let last = min(first + params.rows_each, params.rows);
  for (var step = 0u; step < STEPS; step++) {
    let pack = lane + step * WG;
    if (inside(pack)) {
      held_gamma[step] = gamma[pack];
      held_beta[step] = beta[pack];
    }
  }
  for (var row = first; row < last; row++) {
    let origin = element(Wide(x[row * PACKS]), 0u);
    var sum = Wide(0.0);
    for (var step = 0u; step < STEPS; step++) {
      let pack = lane + step * WG;
      if (inside(pack)) {
        held[step] = Wide(x[row * PACKS + pack]) - origin;
        sum += held[step];
      }
    }
    let mean = workgroup_sum(lane, total(sum)) / COLS;
    var squares = Wide(0.0);
    for (var step = 0u; step < STEPS; step++) {
      if (inside(lane + step * WG)) {
        held[step] -= mean;
        squares += held[step] * held[step];
      }
    }
    let r = 1.0 / sqrt(workgroup_sum(lane, total(squares)) / COLS + params.epsilon);
    for (var step = 0u; step < STEPS; step++) {
      let pack = lane + step * WG;
      if (inside(pack)) { y[row * PACKS + pack] = Pack(held_gamma[step] * (held[step] * r) + held_beta[step]); }
    }
    if (lane == 0u) { moments[row] = vec2f(mean, r); }
  }
}

@group(0) @binding(3) var<storage, read> moments_saved: array<vec2f>;
@group(0) @binding(4) var<storage, read> dy: array<Pack>;
@group(0) @binding(5) var<storage, read_write> dx: array<Pack>;
@group(0) @binding(6) var<storage, read_write> gamma_partials: array<Wide>; // [workgroups, cols]
@group(0) @binding(7) var<storage, read_write> beta_partials: array<Wide>; // [workgroups, cols]
var<private> held_dy: array<Wide, STEPS>;
var<private> sum_gamma: array<Wide, STEPS>;
var<private> sum_beta: array<Wide, STEPS>;

fn backward_rows(part: u32, lane: u32) {
  let first = part * params.rows_each;
  if (first >= params.rows) { return; }
  let last = min(first + params.rows_each, params.rows);
  for (var step = 0u; step < STEPS; step++) {
    let pack = lane + step * WG;
    if (inside(pack)) { held_gamma[step] = gamma[pack]; }
    sum_gamma[step] = Wide(0.0);
    sum_beta[step] = Wide(0.0);
  }
  for (var row = first; row < last; row++) {
    let mean = moments_saved[row].x;
    let r = moments_saved[row].y;
    let origin = element(Wide(x[row * PACKS]), 0u);
    var sum = Wide(0.0);
    var projection = Wide(0.0);
    for (var step = 0u; step < STEPS; step++) {
      let pack = lane + step * WG;
      if (inside(pack)) {
        held[step] = (Wide(x[row * PACKS + pack]) - origin - mean) * r;
        held_dy[step] = Wide(dy[row * PACKS + pack]);
        sum_gamma[step] += held_dy[step] * held[step];
        sum_beta[step] += held_dy[step];
        held_dy[step] *= held_gamma[step];
        sum += held_dy[step];
        projection += held_dy[step] * held[step];
      }
    }
    let mean_g = workgroup_sum(lane, total(sum)) / COLS;
    let mean_gh = workgroup_sum(lane, total(projection)) / COLS;
    for (var step = 0u; step < STEPS; step++) {
      let pack = lane + step * WG;
      if (inside(pack)) {
        let at = row * PACKS + pack;
        let gradient = r * (held_dy[step] - mean_g - held[step] * mean_gh);
        var before = Wide(0.0);
        if (params.added == 1u) { before = Wide(dx[at]); }
        dx[at] = Pack(before + gradient);
      }
    }
  }
  for (var step = 0u; step < STEPS; step++) {
    let pack = lane + step * WG;
    if (inside(pack)) {
      gamma_partials[part * PACKS + pack] = sum_gamma[step];
      beta_partials[part * PACKS + pack] = sum_beta[step];
    }
  }
}

@compute @workgroup_size(WG)
fn backward(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  backward_rows(flat_group(group, groups), lane);
}

// Of a layer norm before.
@group(0) @binding(8) var<storage, read> gamma_partials_saved: array<Wide>; // [parts, cols]
@group(0) @binding(9) var<storage, read> beta_partials_saved: array<Wide>; // [parts, cols]
@group(0) @binding(10) var<storage, read_write> dgamma: array<Wide>;
@group(0) @binding(11) var<storage, read_write> dbeta: array<Wide>;

fn join_pack(pack: u32, lane: u32) {
  if (pack >= PACKS) { return; }
  var of_gamma = Wide(0.0);
  var of_beta = Wide(0.0);
  for (var at = pack + lane * PACKS; at < params.parts * PACKS; at += WG * PACKS) {
    of_gamma += gamma_partials_saved[at];
    of_beta += beta_partials_saved[at];
  }
  of_gamma = workgroup_sums(lane, of_gamma);
  of_beta = workgroup_sums(lane, of_beta);
  if (lane == 0u) {
    dgamma[pack] += of_gamma;
    dbeta[pack] += of_beta;
  }
}

@compute @workgroup_size(WG)
fn join(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  join_pack(flat_group(group, groups), lane);
}

@compute @workgroup_size(WG)
fn backward_and_join(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let part = flat_group(group, groups);
  if (part < params.groups) { backward_rows(part, lane); } else { join_pack(part - params.groups, lane); }
}
