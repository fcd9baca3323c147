// n / d, d being below 2^31. Processors divide integers one lane after the other, floats all at once: the first quotient is
// off by as little as a part in 2^22, the second by one at most.
fn quotient(n: u32, d: u32) -> u32 {
  let near = u32(f32(n) / f32(d));
  let off = i32(n - near * d);
  let more = i32(f32(off) / f32(d));
  let rest = off - more * i32(d);
  return near + u32(more) + select(0u, 1u, rest >= i32(d)) - select(0u, 1u, rest < 0);
}
