// The corrections of Adam's moments, where losses are not scaled: the host counts the steps.
fn correction1() -> f32 { return params.correction1; }
fn correction2() -> f32 { return params.correction2; }
