// Two vec4s a lane that are equal where a workgroup of WG lanes is one subgroup, with its lanes in order: its size and the
// results of subgroup functions; and what these must be, computed without subgroups.
const WG: u32 = 8u;
const PLACE: u32 = WG * 5u / 8u; // whose value is broadcast: neither the first nor, of more than two, the last
@group(0) @binding(0) var<storage, read_write> found: array<vec4f>; // [2, WG]
var<workgroup> values: array<f32, WG>;

@compute @workgroup_size(WG)
fn probe(@builtin(local_invocation_index) lane: u32, @builtin(subgroup_size) size: u32, @builtin(subgroup_invocation_id) place: u32) {
  let value = f32((lane * 5u + 3u) % WG);
  values[lane] = value;
  workgroupBarrier();
  var sum = 0.0;
  var top = values[0];
  for (var i = 0u; i < WG; i++) { sum += values[i]; top = max(top, values[i]); }
  found[2u * lane] = vec4f(f32(size), subgroupAdd(value), subgroupMax(value), subgroupBroadcast(value, PLACE));
  found[2u * lane + 1u] = vec4f(f32(WG + lane - place), sum, top, values[PLACE]);
}
