// The corrections of Adam's moments, where losses are scaled: only the device knows how many steps were taken.
// Needs: optim/loss_scaled.wgsl
fn correction1() -> f32 { return 1.0 / scaling[WEIGHT1]; }
fn correction2() -> f32 { return 1.0 / sqrt(scaling[WEIGHT2]); }
