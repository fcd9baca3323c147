// What the kernel of an update rule asks about the step, where losses are scaled: only the device knows whether it is skipped.
// Needs: optim/loss_scale_state.wgsl
@group(0) @binding(8) var<storage, read> scaling: array<f32>;
fn is_skipped() -> bool { return scaling[SKIP] != 0.0; }
fn gradient_factor() -> f32 { return params.gradient_scale * scaling[UNSCALE]; }
