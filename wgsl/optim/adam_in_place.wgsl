// Values and moments as they were before the step, read from the arrays that the step overwrites.
fn value_at(i: u32) -> vec4f { return values[i]; }
fn exp_avg_at(i: u32) -> vec4f { return exp_avg[i]; }
fn exp_avg_sq_at(i: u32) -> vec4f { return exp_avg_sq[i]; }
