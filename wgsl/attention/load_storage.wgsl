// Four elements of a row of dim from storage buffers; dim is a multiple of four.
@group(0) @binding(1) var<storage, read> q: array<vec4<Elem>>;
@group(0) @binding(2) var<storage, read> kv: array<vec4<Elem>>;
@group(0) @binding(3) var<storage, read> dy: array<vec4<Elem>>;
fn load_q(row: u32, d: u32) -> vec4f { return vec4f(q[row * DIM4 + d]); }
fn load_kv(row: u32, d: u32) -> vec4f { return vec4f(kv[row * DIM4 + d]); }
fn load_dy(row: u32, d: u32) -> vec4f { return vec4f(dy[row * DIM4 + d]); }
