// Four pixels at a time: one channel of them lies three bytes apart.
const CELL: u32 = 4u;
alias Cell = vec4<Elem>;
fn bytes(i: u32) -> vec4f { return vec4f(byte(i), byte(i + 3u), byte(i + 6u), byte(i + 9u)); }
