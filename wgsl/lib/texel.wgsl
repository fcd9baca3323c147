// Four elements of an array that is read through a copy in a texture of 4096 texels a row.
fn texel(copied: texture_2d<f32>, i: u32) -> vec4f { return textureLoad(copied, vec2u(i % 4096u, i / 4096u), 0); }
