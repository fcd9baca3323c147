// One pixel at a time, where four do not divide the width of a patch.
const CELL: u32 = 1u;
alias Cell = Elem;
fn bytes(i: u32) -> f32 { return byte(i); }
