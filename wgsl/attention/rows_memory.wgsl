// Sum and maximum over the invocations side by side in a tile, each of which gets the result: by workgroup memory.
// All weights must have been used, and between row_sums and another use of them all invocations must meet at a barrier.
// Needs: tiles.wgsl
fn put_rows(rows: Rows, x: u32, y: u32) {
  weights[x / 4u][x % 4u][y] = rows.upper;
  if (BLOCKS > 1u) { weights[x / 4u][x % 4u][y + Y] = rows.lower; }
}
fn rows_at(x4: u32, j: u32, y: u32) -> Rows { return Rows(weights[x4][j][y], weights[x4][j][y + TOKENS4 - Y]); }
fn row_sums(rows: Rows, x: u32, y: u32) -> Rows {
  put_rows(rows, x, y);
  workgroupBarrier();
  var sum = Rows();
  for (var i = 0u; i < X / 4u; i++) {
    let a = rows_at(i, 0u, y); let b = rows_at(i, 1u, y); let c = rows_at(i, 2u, y); let d = rows_at(i, 3u, y);
    sum = Rows(sum.upper + a.upper + b.upper + c.upper + d.upper, sum.lower + a.lower + b.lower + c.lower + d.lower);
  }
  return sum;
}
fn row_tops(rows: Rows, x: u32, y: u32) -> Rows {
  put_rows(rows, x, y);
  workgroupBarrier();
  var top = rows;
  for (var i = 0u; i < X / 4u; i++) {
    let a = rows_at(i, 0u, y); let b = rows_at(i, 1u, y); let c = rows_at(i, 2u, y); let d = rows_at(i, 3u, y);
    top.upper = max(top.upper, max(max(a.upper, b.upper), max(c.upper, d.upper)));
    top.lower = max(top.lower, max(max(a.lower, b.lower), max(c.lower, d.lower)));
  }
  workgroupBarrier();
  return top;
}
