// row_sums[m] += Σ_s part_sums[s, m]: the sums that tile_sums_rows.wgsl left of each part, in the order of the parts.
// Needs: params.wgsl
@group(0) @binding(7) var<storage, read_write> row_sums: array<f32>; // [m]
@group(0) @binding(8) var<storage, read> part_sums: array<f32>; // [splits, m]

fn join_sums(m: u32) {
  if (m >= params.m) { return; }
  var total = 0.0;
  for (var s = 0u; s < params.splits; s++) { total += part_sums[s * params.m + m]; }
  row_sums[m] += total;
}
