// loss = log sum exp(x) - x[label] over the classes of a row,   dx = (softmax(x) - [class = label]) dy / rows
// One workgroup one row. `found` is (largest score, sum of weights) of every row; dy the gradient of the mean loss.
// Needs: losses/label.wgsl, rows/keep_all.wgsl; rows/softmax_row.wgsl and what it needs; lib/grid.wgsl, lib/nan.wgsl
struct Params { rows: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Pack>;
@group(0) @binding(2) var<storage, read> labels: array<u32>;
@group(0) @binding(3) var<storage, read_write> loss: array<f32>;
@group(0) @binding(4) var<storage, read_write> found: array<vec2f>;

@compute @workgroup_size(WG)
fn forward(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = flat_group(group, groups);
  if (row >= params.rows) { return; }
  let statistics = softmax_row(row, lane);
  if (lane == 0u) {
    let label = label_of(row);
    let right = element(score(row, label / WIDTH), label % WIDTH);
    found[row] = statistics;
    loss[row] = (statistics.x - right) + log_of_sum(statistics.y);
  }
}

@group(0) @binding(3) var<storage, read> dy: array<f32>;
@group(0) @binding(4) var<storage, read> found_saved: array<vec2f>;
@group(0) @binding(5) var<storage, read_write> dx: array<Pack>;

@compute @workgroup_size(WG)
fn backward(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = flat_group(group, groups);
  if (row >= params.rows) { return; }
  let label = label_of(row);
  let statistics = found_saved[row];
  let slope = dy[0] / f32(params.rows);
  for (var step = 0u; step < STEPS; step++) {
    let pack = lane + step * WG;
    if (inside(pack)) {
      let probability = weight(score(row, pack) - statistics.x) / statistics.y;
      dx[row * PACKS + pack] = Pack(slope * (probability - one_hot(pack, label)));
    }
  }
}
