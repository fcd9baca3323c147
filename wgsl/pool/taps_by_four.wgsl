// Which pixel of its window each element of y is, for four channels: a byte each, as windows have at most 256 pixels.
alias Index = vec4u;
alias Flag = vec4<bool>;
fn packed(tap: Index) -> u32 { return dot(tap, vec4u(1u, 256u, 65536u, 16777216u)); }
fn unpacked(word: u32) -> Index { return (vec4u(word) >> vec4u(0u, 8u, 16u, 24u)) & vec4u(255u); }
