// Sum and maximum over the invocations side by side in a tile, each of which gets the result: by shuffles within subgroups, and
// by workgroup memory between them. Each SUBGROUP lanes of a workgroup, counted from a multiple of SUBGROUP, are of one subgroup
// and in order, and have SUBGROUP / Y values of a row. Between two calls all invocations must have met at a barrier.
// Needs: tiles.wgsl
const SUBGROUP: u32 = 32u; // a power of two that divides WG, 2 Y to 16 Y
const PARTS: u32 = WG / SUBGROUP;
var<workgroup> parts: array<array<vec4f, TOKENS4>, PARTS>; // [PARTS, rows / 4]

// Where an invocation has two blocks of rows, one of two neighbours goes on with the upper rows of both, and the other with the
// lower ones: so each sends one block, and then goes on with one.
fn has_upper(x: u32) -> vec4<bool> { return vec4<bool>(x % 2u == 0u); }
fn own(rows: Rows, x: u32) -> vec4f {
  if (BLOCKS == 1u) { return rows.upper; }
  return select(rows.lower, rows.upper, has_upper(x));
}
fn other(rows: Rows, x: u32) -> vec4f {
  if (BLOCKS == 1u) { return subgroupShuffleXor(rows.upper, Y); }
  return subgroupShuffleXor(select(rows.upper, rows.lower, has_upper(x)), Y);
}
fn of_both(values: vec4f, x: u32) -> Rows {
  if (BLOCKS == 1u) { return Rows(values, values); }
  let others = subgroupShuffleXor(values, Y);
  return Rows(select(others, values, has_upper(x)), select(values, others, has_upper(x)));
}
fn put_part(values: vec4f, x: u32, y: u32) {
  let i = x % (SUBGROUP / Y);
  if (i < BLOCKS) { parts[x * Y / SUBGROUP][y + i * Y] = values; }
  workgroupBarrier();
}
fn part_at(i: u32, y: u32) -> Rows { return Rows(parts[i][y], parts[i][y + TOKENS4 - Y]); }

fn added(a: Rows, b: Rows) -> Rows { return Rows(a.upper + b.upper, a.lower + b.lower); }
fn larger(a: Rows, b: Rows) -> Rows { return Rows(max(a.upper, b.upper), max(a.lower, b.lower)); }

// Written out, since drivers do not unroll the loops that they are given here. Two lanes that exchange values add up the same.
fn row_sums(rows: Rows, x: u32, y: u32) -> Rows {
  var sum = own(rows, x) + other(rows, x);
  if (SUBGROUP > 2u * Y) { sum += subgroupShuffleXor(sum, 2u * Y); }
  if (SUBGROUP > 4u * Y) { sum += subgroupShuffleXor(sum, 4u * Y); }
  if (SUBGROUP > 8u * Y) { sum += subgroupShuffleXor(sum, 8u * Y); }
  if (PARTS == 1u) { return of_both(sum, x); }
  put_part(sum, x, y);
  var sums = added(part_at(0u, y), part_at(1u, y));
  for (var i = 2u; i < PARTS; i++) { sums = added(sums, part_at(i, y)); }
  return sums;
}
fn row_tops(rows: Rows, x: u32, y: u32) -> Rows {
  var top = max(own(rows, x), other(rows, x));
  if (SUBGROUP > 2u * Y) { top = max(top, subgroupShuffleXor(top, 2u * Y)); }
  if (SUBGROUP > 4u * Y) { top = max(top, subgroupShuffleXor(top, 4u * Y)); }
  if (SUBGROUP > 8u * Y) { top = max(top, subgroupShuffleXor(top, 8u * Y)); }
  if (PARTS == 1u) { return of_both(top, x); }
  put_part(top, x, y);
  var tops = larger(part_at(0u, y), part_at(1u, y));
  for (var i = 2u; i < PARTS; i++) { tops = larger(tops, part_at(i, y)); }
  return tops;
}
