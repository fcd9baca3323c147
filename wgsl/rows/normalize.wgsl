// n = max(|x|, epsilon),   y = x / n,   dx = (dy - y (y . dy)) / n, without the projection where epsilon is the larger
// All of a row is NaN where any of x is.
// One workgroup one row.
// Needs: rows/row.wgsl, rows/by_four.wgsl or rows/by_one.wgsl, lib/workgroup.wgsl, lib/grid.wgsl, lib/nan.wgsl
struct Params { rows: u32, epsilon: f32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Pack>;
@group(0) @binding(2) var<storage, read_write> y: array<Pack>;
var<private> held: array<Wide, STEPS>;

// |x| of a row, which is left in `held`.
fn norm_of(row: u32, lane: u32) -> f32 {
  var squares = Wide(0.0);
  for (var step = 0u; step < STEPS; step++) {
    let pack = lane + step * WG;
    if (inside(pack)) {
      held[step] = Wide(x[row * PACKS + pack]);
      squares += held[step] * held[step];
    }
  }
  return sqrt(workgroup_sum(lane, total(squares)));
}

@compute @workgroup_size(WG)
fn forward(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = flat_group(group, groups);
  if (row >= params.rows) { return; }
  let n = larger(norm_of(row, lane), params.epsilon);
  for (var step = 0u; step < STEPS; step++) {
    let pack = lane + step * WG;
    if (inside(pack)) { y[row * PACKS + pack] = Pack(held[step] / n); }
  }
}

@group(0) @binding(2) var<storage, read> dy: array<Pack>;
@group(0) @binding(3) var<storage, read_write> dx: array<Pack>;
var<private> held_dy: array<Wide, STEPS>;

@compute @workgroup_size(WG)
fn backward(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = flat_group(group, groups);
  if (row >= params.rows) { return; }
  let norm = norm_of(row, lane);
  let n = larger(norm, params.epsilon);
  var products = Wide(0.0);
  for (var step = 0u; step < STEPS; step++) {
    let pack = lane + step * WG;
    if (inside(pack)) {
      held[step] /= n;
      held_dy[step] = Wide(dy[row * PACKS + pack]);
      products += held[step] * held_dy[step];
    }
  }
  let projection = select(workgroup_sum(lane, total(products)), 0.0, norm < params.epsilon);
  for (var step = 0u; step < STEPS; step++) {
    let pack = lane + step * WG;
    if (inside(pack)) { dx[row * PACKS + pack] = Pack((held_dy[step] - held[step] * projection) / n); }
  }
}
