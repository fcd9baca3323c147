// y[r] = the smallest n with x[r, n] = max x[r, ..].   One workgroup one row: a scan by lane, then a tree over lanes.
// Needs: lib/grid.wgsl
alias Elem = f32;
const WG: u32 = 256u;

struct Params { rows: u32, columns: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Elem>;
@group(0) @binding(2) var<storage, read_write> y: array<u32>;

var<workgroup> values: array<f32, WG>;
var<workgroup> places: array<u32, WG>;

@compute @workgroup_size(WG)
fn argmax(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = flat_group(group, groups);
  if (row >= params.rows) { return; }
  let start = row * params.columns;
  // Lanes beyond the columns look at the last one again: the place is always one of the row, whatever the values.
  var place = min(lane, params.columns - 1u);
  var value = f32(x[start + place]);
  for (var n = lane + WG; n < params.columns; n += WG) {
    let other = f32(x[start + n]);
    if (other > value) {
      value = other;
      place = n;
    }
  }
  values[lane] = value;
  places[lane] = place;
  workgroupBarrier();
  for (var half = WG / 2u; half > 0u; half >>= 1u) {
    if (lane < half) {
      let other = values[lane + half];
      let there = places[lane + half];
      if (other > values[lane] || (other == values[lane] && there < places[lane])) {
        values[lane] = other;
        places[lane] = there;
      }
    }
    workgroupBarrier();
  }
  if (lane == 0u) { y[row] = places[0]; }
}
