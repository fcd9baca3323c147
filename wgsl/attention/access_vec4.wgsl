// Loads and stores of attention.wgsl where DIM is a multiple of four: one vec4 at a time.
@group(0) @binding(1) var<storage, read> q: array<vec4<Elem>>;
@group(0) @binding(2) var<storage, read> kv: array<vec4<Elem>>;
@group(0) @binding(3) var<storage, read> dy: array<vec4<Elem>>;
@group(0) @binding(6) var<storage, read_write> y4: array<vec4<Elem>>; // o, dq, or dk and dv
@group(0) @binding(7) var<storage, read> o: array<vec4<Elem>>;

fn load_q(row: u32, d: u32) -> vec4f { return vec4f(q[row * DIM4 + d]); }
fn load_kv(row: u32, d: u32) -> vec4f { return vec4f(kv[row * DIM4 + d]); }
fn load_dy(row: u32, d: u32) -> vec4f { return vec4f(dy[row * DIM4 + d]); }
fn load_o(row: u32, d: u32) -> vec4f { return vec4f(o[row * DIM4 + d]); }

fn store_row(row: u32, d: u32, value: vec4f) { y4[row * DIM4 + d] = vec4<Elem>(value); }
