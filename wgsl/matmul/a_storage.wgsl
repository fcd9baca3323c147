@group(0) @binding(1) var<storage, read> a: array<vec4<Elem>>;
fn load_a(i: u32) -> vec4f { return vec4f(a[i]); }
