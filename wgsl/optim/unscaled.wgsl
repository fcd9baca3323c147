// What Adam's kernel asks about the step, where losses are not scaled: the host knows all of it.
fn is_skipped() -> bool { return false; }
fn gradient_factor() -> f32 { return params.gradient_scale; }
fn correction1() -> f32 { return params.correction1; }
fn correction2() -> f32 { return params.correction2; }
