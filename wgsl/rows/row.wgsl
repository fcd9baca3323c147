// A row of PACKS packs (see src/ops/packs.ts) divided among the WG lanes of a workgroup: lane l has packs l, l + WG, ..
// Lanes hold what they load in private arrays and never load it twice: the length of a row is a constant, so loops over
// STEPS unroll and the arrays become registers. On a software adapter loads are by far the slowest instructions.
// Needs: lib/workgroup.wgsl
const PACKS: u32 = 1u;
const STEPS: u32 = (PACKS + WG - 1u) / WG;

// False for the last step of some lanes, where WG does not divide the row.
fn inside(pack: u32) -> bool { return PACKS % WG == 0u || pack < PACKS; }
