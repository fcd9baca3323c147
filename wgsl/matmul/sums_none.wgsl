const SUMMED: bool = false;
fn add_sums(m: u32, sums: vec4f) {}
