// Which of two modalities a and b are right about a sample (the paper's Table 1), as a number, and labels two by two:
//   pair_types         types[r] = the type of a[r] and b[r], 1 where right      one invocation one row
//   is_pair_type       mask[r] = types[r] is the one asked for, as 0 or 1       one invocation one row
//   count_pair_types   counts[t] = number of rows of type t                     one workgroup, each lane every WG-th row
//   same_label         same[r, s] = labels[r] is labels[s], as 0 or 1           one invocation one pair of rows
//   label_pairs        table[labels[r], labels[s]] of [classes, classes]        one invocation one pair of rows
// Counts are whole numbers below 2^24, which f32 adds exactly.
// Needs: lib/workgroup.wgsl, lib/grid.wgsl
const BOTH_RIGHT: u32 = 0u;
const ONLY_A_RIGHT: u32 = 1u;
const ONLY_B_RIGHT: u32 = 2u;
const BOTH_WRONG: u32 = 3u;

struct Params { rows: u32, pair_type: u32, classes: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<u32>;
@group(0) @binding(2) var<storage, read> b: array<u32>;
@group(0) @binding(4) var<storage, read_write> types: array<u32>;

fn type_of(a_right: bool, b_right: bool) -> u32 {
  return select(select(BOTH_WRONG, ONLY_B_RIGHT, b_right), select(ONLY_A_RIGHT, BOTH_RIGHT, b_right), a_right);
}

@compute @workgroup_size(WG)
fn pair_types(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = flat_group(group, groups) * WG + lane;
  if (row < params.rows) { types[row] = type_of(a[row] != 0u, b[row] != 0u); }
}

@group(0) @binding(1) var<storage, read> types_given: array<u32>;
@group(0) @binding(2) var<storage, read_write> mask: array<u32>;

@compute @workgroup_size(WG)
fn is_pair_type(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = flat_group(group, groups) * WG + lane;
  if (row < params.rows) { mask[row] = u32(types_given[row] == params.pair_type); }
}

@group(0) @binding(3) var<storage, read> labels: array<u32>;
@group(0) @binding(4) var<storage, read_write> same: array<f32>;

@compute @workgroup_size(WG)
fn same_label(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = flat_group(group, groups) * WG + lane;
  if (i < params.rows * params.rows) { same[i] = f32(labels[i / params.rows] == labels[i % params.rows]); }
}

@group(0) @binding(1) var<storage, read> table: array<f32>;
@group(0) @binding(4) var<storage, read_write> values: array<f32>;

@compute @workgroup_size(WG)
fn label_pairs(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = flat_group(group, groups) * WG + lane;
  if (i >= params.rows * params.rows) { return; }
  values[i] = table[labels[i / params.rows] * params.classes + labels[i % params.rows]];
}

@group(0) @binding(4) var<storage, read_write> counts: array<u32>;

fn store_count(lane: u32, i: u32, own: u32) {
  let count = workgroup_sum(lane, f32(own));
  if (lane == 0u) { counts[i] = u32(count); }
}

@compute @workgroup_size(WG)
fn count_pair_types(@builtin(local_invocation_index) lane: u32) {
  var own = vec4u(0u);
  for (var row = lane; row < params.rows; row += WG) {
    own += vec4u(vec4u(types_given[row]) == vec4u(BOTH_RIGHT, ONLY_A_RIGHT, ONLY_B_RIGHT, BOTH_WRONG));
  }
  store_count(lane, BOTH_RIGHT, own.x);
  store_count(lane, ONLY_A_RIGHT, own.y);
  store_count(lane, ONLY_B_RIGHT, own.z);
  store_count(lane, BOTH_WRONG, own.w);
}
