// The row-major coordinates of element i in a shape of four dimensions, outermost first.
fn coordinates(i: u32, shape: vec4u) -> vec4u {
  let i2 = i / shape.w;
  let i1 = i2 / shape.z;
  return vec4u(i1 / shape.y, i1 % shape.y, i2 % shape.z, i % shape.w);
}
