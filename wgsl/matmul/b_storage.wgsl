@group(0) @binding(2) var<storage, read> b: array<vec4<Elem>>;
fn load_b(i: u32) -> vec4f { return vec4f(b[i]); }
