// The maximum, for reduce.wgsl: NaN where there is one; minus infinity only where all elements are.
// Needs: lib/workgroup.wgsl, lib/nan.wgsl
var<private> lowest: u32 = 0xff800000u; // minus infinity: as a constant, WGSL refuses it
fn start() -> f32 { return bitcast<f32>(lowest); }
fn combine(a: f32, b: f32) -> f32 { return larger(a, b); }
// workgroup_max may lose a NaN; adding up the NaN of all lanes brings it back.
fn workgroup_combine(lane: u32, value: f32) -> f32 {
  return workgroup_max(lane, value) + workgroup_sum(lane, select(0.0, value, is_nan(value)));
}
