// What Adam moves on is read from copies in textures: an array bound to be written cannot be bound to be read.
@group(0) @binding(9) var<storage, read> values_before: array<vec4f>;
@group(0) @binding(10) var<storage, read> first_before: array<vec4f>;
@group(0) @binding(11) var<storage, read> second_before: array<vec4f>;
fn value_at(i: u32) -> vec4f { return values_before[i]; }
fn first_moment_at(i: u32) -> vec4f { return first_before[i]; }
fn second_moment_at(i: u32) -> vec4f { return second_before[i]; }
