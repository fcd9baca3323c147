// row_sums[m] += Σ_k a[m, k], on the way of a product by tiles.wgsl or matrix.wgsl: where a is the gradient of a layer's output, transposed,
// that is the gradient of its bias. Workgroups of their own do it, one for the rows of a tile and a part of k: beside those
// that multiply, which need all their registers. Lanes stand side by side along the rows, in STRIPS along k, the sums of
// which meet in memory that other workgroups use for the product.
// Needs: params.wgsl, a_block.wgsl; keep_strip and strip_of of a slice_*.wgsl or matrix.wgsl
const SUMMED: bool = true;
const SUMS_ADDED: bool = true; // false where each part has sums of its own: [splits, m]
@group(0) @binding(7) var<storage, read_write> row_sums: array<f32>;

const STRIPS: u32 = 4u * WG / TILE_M;

fn put_sum(part: u32, m: u32, sum: f32) {
  if (m >= params.m) { return; }
  if (SUMS_ADDED) { row_sums[m] += sum; } else { row_sums[part * params.m + m] = sum; }
}

fn sum_rows(part: u32, a0: u32, m: u32, first: u32, last: u32, lane: u32) {
  let block = lane % (TILE_M / 4u);
  let strip = lane / (TILE_M / 4u);
  let row = m + 4u * block;
  var sums = vec4f();
  for (var k = first + 4u * strip; k < last; k += 4u * STRIPS) {
    let columns = transpose(block_a(a0, row, k));
    sums += columns[0] + columns[1] + columns[2] + columns[3];
  }
  keep_strip(strip, block, sums);
  workgroupBarrier();
  if (strip > 0u) { return; }
  for (var s = 1u; s < STRIPS; s++) { sums += strip_of(s, block); }
  put_sum(part, row, sums.x);
  put_sum(part, row + 1u, sums.y);
  put_sum(part, row + 2u, sums.z);
  put_sum(part, row + 3u, sums.w);
}
