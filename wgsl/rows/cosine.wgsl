// y = (a / max(|a|, EPSILON)) . (b / max(|b|, EPSILON)),   u = a / max(|a|, EPSILON), v = b / max(|b|, EPSILON)
// da = dy (v - u y) / max(|a|, EPSILON), without u y where EPSILON is the larger; db likewise
// One workgroup one row.
// Needs: rows/row.wgsl, rows/by_four.wgsl or rows/by_one.wgsl, lib/workgroup.wgsl, lib/grid.wgsl, lib/nan.wgsl
const EPSILON: f32 = 1e-8;

struct Params { rows: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<Pack>;
@group(0) @binding(2) var<storage, read> b: array<Pack>;
@group(0) @binding(3) var<storage, read_write> y: array<Elem>;
var<private> held_a: array<Wide, STEPS>;
var<private> held_b: array<Wide, STEPS>;

// (a . b, |a|, |b|) of a row, which is left in `held_a` and `held_b`.
fn products_of(row: u32, lane: u32) -> vec3f {
  var ab = Wide(0.0);
  var aa = Wide(0.0);
  var bb = Wide(0.0);
  for (var step = 0u; step < STEPS; step++) {
    let pack = lane + step * WG;
    if (inside(pack)) {
      held_a[step] = Wide(a[row * PACKS + pack]);
      held_b[step] = Wide(b[row * PACKS + pack]);
      ab += held_a[step] * held_b[step];
      aa += held_a[step] * held_a[step];
      bb += held_b[step] * held_b[step];
    }
  }
  let dot_ab = workgroup_sum(lane, total(ab));
  let norm_a = sqrt(workgroup_sum(lane, total(aa)));
  return vec3f(dot_ab, norm_a, sqrt(workgroup_sum(lane, total(bb))));
}

@compute @workgroup_size(WG)
fn forward(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = flat_group(group, groups);
  if (row >= params.rows) { return; }
  let products = products_of(row, lane);
  if (lane == 0u) { y[row] = Elem(products.x / larger(products.y, EPSILON) / larger(products.z, EPSILON)); }
}

@group(0) @binding(3) var<storage, read> dy: array<Elem>;
@group(0) @binding(4) var<storage, read_write> da: array<Pack>;
@group(0) @binding(5) var<storage, read_write> db: array<Pack>;

@compute @workgroup_size(WG)
fn backward(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = flat_group(group, groups);
  if (row >= params.rows) { return; }
  let products = products_of(row, lane);
  let norm_a = larger(products.y, EPSILON);
  let norm_b = larger(products.z, EPSILON);
  let cosine = products.x / norm_a / norm_b;
  let pull_a = select(cosine, 0.0, products.y < EPSILON);
  let pull_b = select(cosine, 0.0, products.z < EPSILON);
  let slope = f32(dy[row]);
  for (var step = 0u; step < STEPS; step++) {
    let pack = lane + step * WG;
    if (inside(pack)) {
      let u = held_a[step] / norm_a;
      let v = held_b[step] / norm_b;
      da[row * PACKS + pack] = Pack(slope * (v - u * pull_a) / norm_a);
      db[row * PACKS + pack] = Pack(slope * (u - v * pull_b) / norm_b);
    }
  }
}
