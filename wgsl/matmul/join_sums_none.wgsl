// No sums of rows: the counterpart of join_sums_rows.wgsl.
fn join_sums(m: u32) {}
