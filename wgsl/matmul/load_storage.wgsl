// Operands in storage buffers, four elements a load.
@group(0) @binding(1) var<storage, read> a: array<vec4<Elem>>;
@group(0) @binding(2) var<storage, read> b: array<vec4<Elem>>;
fn load_a(i: u32) -> vec4f { return vec4f(a[i]); }
fn load_b(i: u32) -> vec4f { return vec4f(b[i]); }
