// The sums of the rows of a, added to what row_sums holds: of a gradient, those are the gradient of the bias.
const SUMMED: bool = true;
@group(0) @binding(7) var<storage, read_write> row_sums: array<f32>; // [m]
fn add_sums(m: u32, sums: vec4f) {
  for (var i = 0u; i < min(4u, params.m - min(m, params.m)); i++) { row_sums[m + i] += sums[i]; }
}
