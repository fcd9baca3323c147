// No sums of the rows of a: the counterpart of sums_rows.wgsl.
const SUMMED: bool = false;
fn add_sums(m: u32, sums: vec4f) {}
