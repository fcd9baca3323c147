// Four elements of a row of dim from copies in textures of 4096 texels a row; dim is a multiple of four. On a processor
// a texel costs a tenth of a load from a storage buffer.
@group(0) @binding(1) var q: texture_2d<f32>;
@group(0) @binding(2) var kv: texture_2d<f32>;
@group(0) @binding(3) var dy: texture_2d<f32>;
fn texel(i: u32) -> vec2u { return vec2u(i % 4096u, i / 4096u); }
fn load_q(row: u32, d: u32) -> vec4f { return textureLoad(q, texel(row * DIM4 + d), 0); }
fn load_kv(row: u32, d: u32) -> vec4f { return textureLoad(kv, texel(row * DIM4 + d), 0); }
fn load_dy(row: u32, d: u32) -> vec4f { return textureLoad(dy, texel(row * DIM4 + d), 0); }
