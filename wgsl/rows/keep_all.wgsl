// The scores of a row: its elements.
fn score(row: u32, pack: u32) -> Wide { return Wide(x[row * PACKS + pack]); }
