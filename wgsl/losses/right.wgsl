// Which samples a head is right about, as 0 or 1, one invocation one row, and how many:
//   is_class       right[r] = predicted[r] is labels[r]
//   is_set         right[r] = |A and B| >= overlap |A or B|, A being the labels c of row r with x[r, c] >= least, B those with
//                  a target above one half: of two empty sets it is right, and of logits that are not numbers wrong
//   is_near        right[r] = |x[r] - targets[r]| <= tolerance
//   count_right    counts[0] = number of rows that are not 0          one workgroup, each lane every WG-th row
// The count is a whole number below 2^24, which f32 adds exactly.
// Needs: lib/workgroup.wgsl, lib/grid.wgsl, lib/nan.wgsl
struct Params { rows: u32, labels: u32, least: f32, overlap: f32, tolerance: f32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> predicted: array<u32>;
@group(0) @binding(2) var<storage, read> labels: array<u32>;
@group(0) @binding(3) var<storage, read_write> right: array<u32>;

@compute @workgroup_size(WG)
fn is_class(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = flat_group(group, groups) * WG + lane;
  if (row < params.rows) { right[row] = u32(predicted[row] == labels[row]); }
}

@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> targets: array<f32>;

@compute @workgroup_size(WG)
fn is_set(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = flat_group(group, groups) * WG + lane;
  if (row >= params.rows) { return; }
  var both = 0u;
  var either = 0u;
  var sound = true;
  for (var c = 0u; c < params.labels; c++) {
    let i = row * params.labels + c;
    let chosen = x[i] >= params.least;
    let wanted = targets[i] > 0.5;
    both += u32(chosen && wanted);
    either += u32(chosen || wanted);
    sound = sound && !is_nan(x[i]);
  }
  right[row] = u32(sound && f32(both) >= params.overlap * f32(either));
}

@compute @workgroup_size(WG)
fn is_near(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = flat_group(group, groups) * WG + lane;
  if (row < params.rows) { right[row] = u32(!is_nan(x[row]) && abs(x[row] - targets[row]) <= params.tolerance); }
}

@group(0) @binding(1) var<storage, read> right_given: array<u32>;
@group(0) @binding(3) var<storage, read_write> counts: array<u32>;

@compute @workgroup_size(WG)
fn count_right(@builtin(local_invocation_index) lane: u32) {
  var own = 0u;
  for (var row = lane; row < params.rows; row += WG) { own += u32(right_given[row] != 0u); }
  let count = workgroup_sum(lane, f32(own));
  if (lane == 0u) { counts[0] = u32(count); }
}
