// All lanes of a workgroup work on one row. The team's number does not depend on the lane: WGSL wants that seen where a
// barrier follows what is decided by it.
const TEAM: u32 = WG;
fn team_of(group: u32, _lane: u32) -> u32 { return group; }
fn team_sum(lane: u32, value: f32) -> f32 { return workgroup_sum(lane, value); }
