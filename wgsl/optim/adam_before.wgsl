// Values and moments as they were before the step, read from copies in textures: an array that is bound to be written
// cannot be bound to be read as well.
@group(0) @binding(9) var<storage, read> values_before: array<vec4f>;
@group(0) @binding(10) var<storage, read> exp_avg_before: array<vec4f>;
@group(0) @binding(11) var<storage, read> exp_avg_sq_before: array<vec4f>;
fn value_at(i: u32) -> vec4f { return values_before[i]; }
fn exp_avg_at(i: u32) -> vec4f { return exp_avg_before[i]; }
fn exp_avg_sq_at(i: u32) -> vec4f { return exp_avg_sq_before[i]; }
