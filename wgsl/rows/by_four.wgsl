// Packs of four elements, for rows whose width four divides.
alias Elem = f32;
alias Pack = vec4<Elem>;
alias Wide = vec4f; // a pack as f32
alias Word = vec4u; // a pack as bits
const WIDTH: u32 = 4u;
fn total(v: Wide) -> f32 { return (v.x + v.y) + (v.z + v.w); }
fn largest(v: Wide) -> f32 { return max(max(v.x, v.y), max(v.z, v.w)); }
fn element(v: Wide, i: u32) -> f32 { return v[i]; }
// 1 in the place of element i of the row, 0 in all others.
fn one_hot(pack: u32, i: u32) -> Wide { return Wide(vec4u(i) == 4u * pack + vec4u(0u, 1u, 2u, 3u)); }
// The sum of each element over the lanes, for every lane.
fn workgroup_sums(lane: u32, v: Wide) -> Wide {
  return Wide(workgroup_sum(lane, v.x), workgroup_sum(lane, v.y), workgroup_sum(lane, v.z), workgroup_sum(lane, v.w));
}
