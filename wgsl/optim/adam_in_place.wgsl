// What Adam moves on is where it is left.
fn value_at(i: u32) -> vec4f { return values[i]; }
fn first_moment_at(i: u32) -> vec4f { return first_moments[i]; }
fn second_moment_at(i: u32) -> vec4f { return second_moments[i]; }
