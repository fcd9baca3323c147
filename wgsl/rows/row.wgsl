// A row of PACKS packs (of one or four elements), shared by TEAM lanes: the l-th has packs l, l + TEAM, l + 2 TEAM, ..
// Lanes hold what they load in private arrays and never load it twice: the length of a row is a constant, so loops over
// STEPS unroll and the arrays become registers. On a software adapter loads are by far the dearest instructions.
// Needs: team_workgroup.wgsl or team_lane.wgsl
const PACKS: u32 = 1u;
const STEPS: u32 = (PACKS + TEAM - 1u) / TEAM;

// False for the last step of some lanes, where TEAM does not divide the row.
fn inside(pack: u32) -> bool { return PACKS % TEAM == 0u || pack < PACKS; }
