// 1 where a < b, else 0
fn op(a: vec4f, b: vec4f) -> vec4f { return select(vec4f(0.0), vec4f(1.0), a < b); }
