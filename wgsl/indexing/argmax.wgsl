// y[r] = the smallest n with x[r, n] = max x[r, ..], NaN counting as the largest, as torch and NumPy have it.
// One workgroup one row: a scan by lane, then a tree over lanes.   Needs: lib/grid.wgsl, lib/nan.wgsl
alias Elem = f32;
const WG: u32 = 256u;

struct Params { rows: u32, columns: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Elem>;
@group(0) @binding(2) var<storage, read_write> y: array<u32>;

var<workgroup> ranks: array<u32, WG>;
var<workgroup> places: array<u32, WG>;

// Maps floats to whole numbers in the same order; 0 and -0 give the same, NaN the largest.
fn rank(value: f32) -> u32 {
  let bits = bitcast<u32>(value);
  let magnitude = bits & 0x7fffffffu;
  let ordered = select(0x80000000u + magnitude, 0x80000000u - magnitude, bits != magnitude);
  return select(ordered, 0xffffffffu, is_nan(value));
}

@compute @workgroup_size(WG)
fn argmax(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = flat_group(group, groups);
  if (row >= params.rows) { return; }
  let start = row * params.columns;
  // Lanes beyond the columns look at the last one again: the place is always one of the row, whatever the values.
  var place = min(lane, params.columns - 1u);
  var highest = rank(f32(x[start + place]));
  for (var n = lane + WG; n < params.columns; n += WG) {
    let other = rank(f32(x[start + n]));
    if (other > highest) {
      highest = other;
      place = n;
    }
  }
  ranks[lane] = highest;
  places[lane] = place;
  workgroupBarrier();
  for (var half = WG / 2u; half > 0u; half >>= 1u) {
    if (lane < half) {
      let other = ranks[lane + half];
      let there = places[lane + half];
      if (other > ranks[lane] || (other == ranks[lane] && there < places[lane])) {
        ranks[lane] = other;
        places[lane] = there;
      }
    }
    workgroupBarrier();
  }
  if (lane == 0u) { y[row] = places[0]; }
}
