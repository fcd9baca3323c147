// y = top + log sum exp(x - top) over a row,   dx = dy exp(x - top) / sum
// One workgroup one row. `found` is (top, sum) of every row.
// Needs: rows/keep_all.wgsl; rows/softmax_row.wgsl and what it needs; lib/grid.wgsl, lib/nan.wgsl
struct Params { rows: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Pack>;
@group(0) @binding(2) var<storage, read_write> y: array<Elem>;
@group(0) @binding(3) var<storage, read_write> found: array<vec2f>;

@compute @workgroup_size(WG)
fn forward(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = flat_group(group, groups);
  if (row >= params.rows) { return; }
  let statistics = softmax_row(row, lane);
  if (lane == 0u) {
    found[row] = statistics;
    y[row] = Elem(statistics.x + log_of_sum(statistics.y));
  }
}

@group(0) @binding(2) var<storage, read> found_saved: array<vec2f>;
@group(0) @binding(3) var<storage, read> dy: array<Elem>;
@group(0) @binding(4) var<storage, read_write> dx: array<Pack>;

@compute @workgroup_size(WG)
fn backward(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = flat_group(group, groups);
  if (row >= params.rows) { return; }
  let statistics = found_saved[row];
  let factor = f32(dy[row]) / statistics.y;
  for (var step = 0u; step < STEPS; step++) {
    let pack = lane + step * WG;
    if (inside(pack)) { dx[row * PACKS + pack] = Pack(weight(score(row, pack) - statistics.x) * factor); }
  }
}
