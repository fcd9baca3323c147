// row_sums[m] += Σ_k a[m, k], on the way of a product: where a is the gradient of a layer's output, transposed, that is the
// gradient of its bias.
// Needs: params.wgsl
const SUMMED: bool = true;
@group(0) @binding(7) var<storage, read_write> row_sums: array<f32>; // [m]
fn add_sums(m: u32, sums: vec4f) {
  for (var i = 0u; i < min(4u, params.m - min(m, params.m)); i++) { row_sums[m + i] += sums[i]; }
}
