// The label of a row.   Needs: rows/by_four.wgsl or rows/by_one.wgsl; labels
// A label beyond the classes counts as the last of them, so that nothing outside the row is touched.
fn label_of(row: u32) -> u32 { return min(labels[row], PACKS * WIDTH - 1u); }
