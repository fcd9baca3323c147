// A copy in a texture, 4096 texels of four elements a row: on a processor a texel costs a tenth of a load from storage.
@group(0) @binding(2) var b: texture_2d<f32>;
fn load_b(i: u32) -> vec4f { return textureLoad(b, vec2u(i % 4096u, i / 4096u), 0); }
