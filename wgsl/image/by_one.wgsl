// Packs of one pixel, where four does not divide the width of a patch.
alias Pack = Elem; // of y
fn byte(i: u32) -> u32 { return (pixels[i / 4u] >> (8u * (i % 4u))) & 0xffu; }
fn load(pack: u32) -> vec3u { return vec3u(byte(3u * pack), byte(3u * pack + 1u), byte(3u * pack + 2u)); }
fn channel(bytes: vec3u, c: u32) -> f32 { return f32(bytes[c]); }
