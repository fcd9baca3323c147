// No sums of the rows of a: the counterpart of tile_sums_rows.wgsl.
const SUMMED: bool = false;
fn sum_rows(part: u32, a0: u32, m: u32, first: u32, last: u32, lane: u32) {}
