// What Adam's kernel asks about the step, where losses are scaled: only the device knows whether it is skipped, and so how
// many steps were taken.
// Needs: optim/loss_scale_state.wgsl
@group(0) @binding(8) var<storage, read> scaling: array<f32>;
fn is_skipped() -> bool { return scaling[SKIP] != 0.0; }
fn gradient_factor() -> f32 { return params.gradient_scale * scaling[UNSCALE]; }
fn correction1() -> f32 { return 1.0 / scaling[WEIGHT1]; }
fn correction2() -> f32 { return 1.0 / sqrt(scaling[WEIGHT2]); }
