// Four elements of an array that is read through a copy in a texture.
const TEXELS_PER_ROW: u32 = 4096u;
fn texel(copied: texture_2d<f32>, i: u32) -> vec4f { return textureLoad(copied, vec2u(i % TEXELS_PER_ROW, i / TEXELS_PER_ROW), 0); }
