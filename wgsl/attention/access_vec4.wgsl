// The output and the stores where dim is a multiple of four.
// Needs: load_storage.wgsl or load_texture.wgsl
@group(0) @binding(7) var<storage, read_write> y4: array<vec4<Elem>>; // o, dq or dk
@group(0) @binding(8) var<storage, read_write> dv: array<vec4<Elem>>;
@group(0) @binding(9) var<storage, read> o: array<vec4<Elem>>;

fn load_o(row: u32, d: u32) -> vec4f { return vec4f(o[row * DIM4 + d]); }

fn store_row(row: u32, d: u32, value: vec4f) { y4[row * DIM4 + d] = vec4<Elem>(value); }
fn store_row_dv(row: u32, d: u32, value: vec4f) { dv[row * DIM4 + d] = vec4<Elem>(value); }
