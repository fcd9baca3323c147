// y = exp(x - top) / sum exp(x - top) over the kept elements of a row; 0 elsewhere and in a row with nothing kept. A row of
// minus infinities is NaN, unless it is masked: then it counts as one with nothing kept.
// dx = y (dy - sum dy y)
// One workgroup one row.
// Needs: rows/keep_all.wgsl or rows/keep_masked.wgsl; rows/softmax_row.wgsl and what it needs; lib/grid.wgsl

// rows_per_mask: neighbouring rows that share one row of the mask.
struct Params { rows: u32, rows_per_mask: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Pack>;
@group(0) @binding(2) var<storage, read_write> y: array<Pack>;

@compute @workgroup_size(WG)
fn forward(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = flat_group(group, groups);
  if (row >= params.rows) { return; }
  let found = softmax_row(row, lane);
  let factor = select(1.0 / found.y, 0.0, has_nothing(found.x));
  for (var step = 0u; step < STEPS; step++) {
    let pack = lane + step * WG;
    if (inside(pack)) { y[row * PACKS + pack] = Pack(weights[step] * factor); }
  }
}

@group(0) @binding(1) var<storage, read> y_saved: array<Pack>;
@group(0) @binding(2) var<storage, read> dy: array<Pack>;
@group(0) @binding(3) var<storage, read_write> dx: array<Pack>;
var<private> held_y: array<Wide, STEPS>;
var<private> held_dy: array<Wide, STEPS>;

@compute @workgroup_size(WG)
fn backward(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = flat_group(group, groups);
  if (row >= params.rows) { return; }
  var sum = Wide(0.0);
  for (var step = 0u; step < STEPS; step++) {
    let pack = lane + step * WG;
    if (inside(pack)) {
      held_y[step] = Wide(y_saved[row * PACKS + pack]);
      held_dy[step] = Wide(dy[row * PACKS + pack]);
      sum += held_y[step] * held_dy[step];
    }
  }
  let projection = workgroup_sum(lane, total(sum));
  for (var step = 0u; step < STEPS; step++) {
    let pack = lane + step * WG;
    if (inside(pack)) { dx[row * PACKS + pack] = Pack(held_y[step] * (held_dy[step] - projection)); }
  }
}
