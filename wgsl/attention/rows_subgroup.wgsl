// Sum and maximum over the invocations side by side in a tile, each of which gets the result: by shuffles within subgroups, and
// by workgroup memory between them. Each SUBGROUP lanes of a workgroup, counted from a multiple of SUBGROUP, are of one subgroup
// and in order, and have SUBGROUP / Y values of a row. Between two calls all invocations must have met at a barrier.
// Needs: tiles.wgsl
const SUBGROUP: u32 = 32u; // a power of two that divides WG, 2 Y to 16 Y
const PARTS: u32 = WG / SUBGROUP;
var<workgroup> parts: array<array<vec4f, TOKENS4>, PARTS>; // [PARTS, rows / 4]

fn others(rows: Rows, mask: u32) -> Rows {
  return Rows(subgroupShuffleXor(rows.upper, mask), subgroupShuffleXor(rows.lower, mask));
}
fn added(a: Rows, b: Rows) -> Rows { return Rows(a.upper + b.upper, a.lower + b.lower); }
fn larger(a: Rows, b: Rows) -> Rows { return Rows(max(a.upper, b.upper), max(a.lower, b.lower)); }

fn put_part(rows: Rows, x: u32, y: u32) {
  if (x % (SUBGROUP / Y) == 0u) {
    parts[x * Y / SUBGROUP][y] = rows.upper;
    if (BLOCKS > 1u) { parts[x * Y / SUBGROUP][y + Y] = rows.lower; }
  }
  workgroupBarrier();
}
fn part_at(i: u32, y: u32) -> Rows { return Rows(parts[i][y], parts[i][y + TOKENS4 - Y]); }

// Written out, since drivers do not unroll the loops that they are given here. Two lanes that exchange values add up the same.
fn row_sums(rows: Rows, x: u32, y: u32) -> Rows {
  var sum = added(rows, others(rows, Y));
  if (SUBGROUP > 2u * Y) { sum = added(sum, others(sum, 2u * Y)); }
  if (SUBGROUP > 4u * Y) { sum = added(sum, others(sum, 4u * Y)); }
  if (SUBGROUP > 8u * Y) { sum = added(sum, others(sum, 8u * Y)); }
  if (PARTS == 1u) { return sum; }
  put_part(sum, x, y);
  sum = added(part_at(0u, y), part_at(1u, y));
  for (var i = 2u; i < PARTS; i++) { sum = added(sum, part_at(i, y)); }
  return sum;
}
fn row_tops(rows: Rows, x: u32, y: u32) -> Rows {
  var top = larger(rows, others(rows, Y));
  if (SUBGROUP > 2u * Y) { top = larger(top, others(top, 2u * Y)); }
  if (SUBGROUP > 4u * Y) { top = larger(top, others(top, 4u * Y)); }
  if (SUBGROUP > 8u * Y) { top = larger(top, others(top, 8u * Y)); }
  if (PARTS == 1u) { return top; }
  put_part(top, x, y);
  top = larger(part_at(0u, y), part_at(1u, y));
  for (var i = 2u; i < PARTS; i++) { top = larger(top, part_at(i, y)); }
  return top;
}
