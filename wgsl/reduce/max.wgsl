// The largest
const START: f32 = -3.4028234e38;
fn combine(a: f32, b: f32) -> f32 { return max(a, b); }
fn workgroup_combine(lane: u32, value: f32) -> f32 { return workgroup_max(lane, value); }
