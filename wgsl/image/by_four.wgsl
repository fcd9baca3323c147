// Packs of four pixels, which are twelve bytes in three words. The bytes of one channel lie three apart.
alias Pack = vec4<Elem>; // of y
fn load(pack: u32) -> vec3u { return vec3u(pixels[3u * pack], pixels[3u * pack + 1u], pixels[3u * pack + 2u]); }
fn byte(words: vec3u, i: u32) -> u32 { return (words[i / 4u] >> (8u * (i % 4u))) & 0xffu; }
fn channel(words: vec3u, c: u32) -> vec4f { return vec4f(vec4u(byte(words, c), byte(words, c + 3u), byte(words, c + 6u), byte(words, c + 9u))); }
