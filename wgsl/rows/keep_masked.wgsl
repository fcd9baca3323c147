// Scores for softmax_row.wgsl: the elements of a row where the mask is not 0 (the word 0, as u32 or as f32), LOWEST elsewhere.
@group(0) @binding(3) var<storage, read> mask: array<Word>;

fn has_nothing(top: f32) -> bool { return top == LOWEST; }
fn score(row: u32, pack: u32) -> Wide {
  let kept = mask[row / params.rows_per_mask * PACKS + pack] != Word(0u);
  return select(Wide(LOWEST), Wide(x[row * PACKS + pack]), kept);
}
