// One pixel at a time, where four do not divide the width of a patch.
const CELL: u32 = 1u;
alias Cell = Elem;
fn byte(i: u32) -> u32 { return (pixels[i / 4u] >> (8u * (i % 4u))) & 0xffu; }
fn load(cell: u32) -> vec3u { return vec3u(byte(3u * cell), byte(3u * cell + 1u), byte(3u * cell + 2u)); }
fn channel(bytes: vec3u, c: u32) -> f32 { return f32(bytes[c]); }
