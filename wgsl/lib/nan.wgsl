// NaN, told by bits. WGSL lets compilers take floats to be finite, and `max` of NaN and a number is whatever the driver
// makes of it: what decides by comparing floats may lose NaN, so it is asked for first.
fn is_nan(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u; }
fn are_nan(x: vec4f) -> vec4<bool> { return (bitcast<vec4u>(x) & vec4u(0x7fffffffu)) > vec4u(0x7f800000u); }

// ln x of a sum that is not negative; drivers may make numbers of those of NaN and of 0.
fn log_of_sum(x: f32) -> f32 { return select(select(log(x), -1.0 / x, x == 0.0), x, is_nan(x)); }

// The larger of two numbers; NaN where one of them is.
fn larger(a: f32, b: f32) -> f32 { return select(max(a, b), a + b, is_nan(a) | is_nan(b)); }
