// What the kernel of an update rule asks about the step, where losses are not scaled: the host knows all of it.
fn is_skipped() -> bool { return false; }
fn gradient_factor() -> f32 { return params.gradient_scale; }
