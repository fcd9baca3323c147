// The sum, for reduce.wgsl.
// Needs: lib/workgroup.wgsl
fn start() -> f32 { return 0.0; }
fn combine(a: f32, b: f32) -> f32 { return a + b; }
fn workgroup_combine(lane: u32, value: f32) -> f32 { return workgroup_sum(lane, value); }
