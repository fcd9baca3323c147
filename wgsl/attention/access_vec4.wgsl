// The output and its stores where dim is a multiple of four.
// Needs: load_storage.wgsl or load_texture.wgsl
@group(0) @binding(6) var<storage, read_write> y4: array<vec4<Elem>>; // o, dq, or dk and dv
@group(0) @binding(7) var<storage, read> o: array<vec4<Elem>>;

fn load_o(row: u32, d: u32) -> vec4f { return vec4f(o[row * DIM4 + d]); }

fn store_row(row: u32, d: u32, value: vec4f) { y4[row * DIM4 + d] = vec4<Elem>(value); }
