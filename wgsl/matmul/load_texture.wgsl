// Operands as copies in textures, 4096 texels of four elements a row: on a processor a texel costs a tenth of a load
// from a storage buffer.
@group(0) @binding(1) var a: texture_2d<f32>;
@group(0) @binding(2) var b: texture_2d<f32>;
fn load_a(i: u32) -> vec4f { return textureLoad(a, vec2u(i % 4096u, i / 4096u), 0); }
fn load_b(i: u32) -> vec4f { return textureLoad(b, vec2u(i % 4096u, i / 4096u), 0); }
