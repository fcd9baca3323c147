// Kinds of a pair of predictions: 0 both right, 1 only a right, 2 only b right, 3 both wrong (the paper's Table 1).
// `pair_kinds`, `is_kind`: one invocation one row.   `same_label`: one invocation one pair of rows.
// `count_kinds`, `count_equal`: one workgroup, each lane every WG-th row; the counts are whole numbers below 2^24, which
// f32 adds exactly.
// Needs: lib/workgroup.wgsl, lib/grid.wgsl
struct Params { rows: u32, kind: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<u32>;
@group(0) @binding(2) var<storage, read> b: array<u32>;
@group(0) @binding(3) var<storage, read> labels: array<u32>;
@group(0) @binding(4) var<storage, read_write> kinds: array<u32>;

@compute @workgroup_size(WG)
fn pair_kinds(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = flat_group(group, groups) * WG + lane;
  if (row < params.rows) { kinds[row] = 2u * u32(a[row] != labels[row]) + u32(b[row] != labels[row]); }
}

@group(0) @binding(1) var<storage, read> kinds_given: array<u32>;
@group(0) @binding(2) var<storage, read_write> mask: array<u32>;

@compute @workgroup_size(WG)
fn is_kind(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = flat_group(group, groups) * WG + lane;
  if (row < params.rows) { mask[row] = u32(kinds_given[row] == params.kind); }
}

@group(0) @binding(4) var<storage, read_write> same: array<f32>;

@compute @workgroup_size(WG)
fn same_label(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = flat_group(group, groups) * WG + lane;
  if (i < params.rows * params.rows) { same[i] = f32(labels[i / params.rows] == labels[i % params.rows]); }
}

@group(0) @binding(4) var<storage, read_write> counts: array<u32>;

fn store_count(lane: u32, i: u32, own: u32) {
  let count = workgroup_sum(lane, f32(own));
  if (lane == 0u) { counts[i] = u32(count); }
}

@compute @workgroup_size(WG)
fn count_kinds(@builtin(local_invocation_index) lane: u32) {
  var own = vec4u(0u);
  for (var row = lane; row < params.rows; row += WG) {
    own += vec4u(vec4u(kinds_given[row]) == vec4u(0u, 1u, 2u, 3u));
  }
  store_count(lane, 0u, own.x);
  store_count(lane, 1u, own.y);
  store_count(lane, 2u, own.z);
  store_count(lane, 3u, own.w);
}

@compute @workgroup_size(WG)
fn count_equal(@builtin(local_invocation_index) lane: u32) {
  var own = 0u;
  for (var row = lane; row < params.rows; row += WG) { own += u32(a[row] == b[row]); }
  store_count(lane, 0u, own);
}
