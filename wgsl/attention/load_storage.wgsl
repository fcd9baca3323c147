// Four elements of a row of [batch, tokens, heads] from storage buffers; dim is a multiple of four.
@group(0) @binding(1) var<storage, read> q: array<vec4<Elem>>;
@group(0) @binding(2) var<storage, read> k: array<vec4<Elem>>;
@group(0) @binding(3) var<storage, read> v: array<vec4<Elem>>;
@group(0) @binding(4) var<storage, read> dy: array<vec4<Elem>>;
fn load_q(row: u32, d: u32) -> vec4f { return vec4f(q[row * DIM4 + d]); }
fn load_k(row: u32, d: u32) -> vec4f { return vec4f(k[row * DIM4 + d]); }
fn load_v(row: u32, d: u32) -> vec4f { return vec4f(v[row * DIM4 + d]); }
fn load_dy(row: u32, d: u32) -> vec4f { return vec4f(dy[row * DIM4 + d]); }
