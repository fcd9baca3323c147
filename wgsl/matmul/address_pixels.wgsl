// Where element (m, n) of product z lies in c, images [images, full_height, full_width, batch, n]: row m is pixel
// (image, oy, ox) of out_height × out_width, which lie step_y and step_x apart in c, from (offset_y, offset_x) on. A bias is [batch, n].
// Needs: params.wgsl, lib/quotient.wgsl
fn address(z: u32, m: u32, n: u32) -> u32 {
  let row = quotient(m, params.out_width);
  let image = quotient(row, params.out_height);
  let y = (row - image * params.out_height) * params.step_y + params.offset_y;
  let x = (m - row * params.out_width) * params.step_x + params.offset_x;
  return (((image * params.full_height + y) * params.full_width + x) * params.batch + z) * params.n + n;
}
fn column(z: u32, n: u32) -> u32 { return z * params.n + n; }
