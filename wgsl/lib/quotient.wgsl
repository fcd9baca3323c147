// n / d. Processors divide integers one lane after the other, floats all at once; up to 2^21 these are one off at most.
const LARGE: bool = false; // some n is beyond 2^21

fn quotient(n: u32, d: u32) -> u32 {
  if (LARGE) { return n / d; }
  let near = u32(f32(n) / f32(d));
  let rest = i32(n - near * d);
  return near + select(0u, 1u, rest >= i32(d)) - select(0u, 1u, rest < 0);
}
