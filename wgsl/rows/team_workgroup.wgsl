// All lanes of a workgroup work on one row.
const TEAM: u32 = WG;
fn team_sum(lane: u32, value: f32) -> f32 { return workgroup_sum(lane, value); }
