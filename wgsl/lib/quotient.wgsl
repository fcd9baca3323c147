// n / d, d being below 2^31. Processors divide integers one lane after the other, floats all at once: the first quotient is
// off by a part in 2^22 at most, which up to 2^21 is less than one; the second by one.
const SMALL: bool = false; // no n is beyond 2^21

fn whole(near: u32, rest: i32, d: u32) -> u32 { return near + select(0u, 1u, rest >= i32(d)) - select(0u, 1u, rest < 0); }

fn quotient(n: u32, d: u32) -> u32 {
  let near = u32(f32(n) / f32(d));
  let rest = i32(n - near * d);
  if (SMALL) { return whole(near, rest, d); }
  let more = i32(f32(rest) / f32(d));
  return whole(near + u32(more), rest - more * i32(d), d);
}
