// Packs of one element, for rows of any width.
alias Elem = f32;
alias Pack = Elem;
alias Wide = f32; // a pack as f32
alias Word = u32; // a pack as bits
const WIDTH: u32 = 1u;
fn total(v: Wide) -> f32 { return v; }
fn largest(v: Wide) -> f32 { return v; }
fn element(v: Wide, _i: u32) -> f32 { return v; }
// 1 in the place of element i of the row, 0 in all others.
fn one_hot(pack: u32, i: u32) -> Wide { return Wide(i == pack); }
// The sum of each element over the lanes, for every lane.
fn workgroup_sums(lane: u32, v: Wide) -> Wide { return workgroup_sum(lane, v); }
