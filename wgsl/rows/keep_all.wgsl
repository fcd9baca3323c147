// Scores for softmax_row.wgsl: the elements of a row.
fn has_nothing(_top: f32) -> bool { return false; }
fn score(row: u32, pack: u32) -> Wide { return Wide(x[row * PACKS + pack]); }
