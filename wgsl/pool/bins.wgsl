// As many bins as are wanted, whatever the size of the image: bin i of n holds the pixels from floor(i size / n) up to
// ceil((i + 1) size / n), so that neighbours may share one. As windows.wgsl has it, along an axis:
//   window(i)    the pixels from .. up to of bin i
//   reaching(p)  the bins from .. up to that hold pixel p
// Needs: params.wgsl
fn ceil_of(a: i32, b: i32) -> i32 { return divided(a + b - 1, b); }
fn sizes(axis: u32) -> vec2i {
  return select(vec2i(params.height, params.out_height), vec2i(params.width, params.out_width), axis == 1u);
}
fn window(i: i32, axis: u32) -> vec2i {
  let size = sizes(axis);
  return vec2i(divided(i * size.x, size.y), ceil_of((i + 1) * size.x, size.y));
}
fn reaching(p: i32, axis: u32) -> vec2i {
  let size = sizes(axis);
  return vec2i(divided(p * size.y, size.x), ceil_of((p + 1) * size.y, size.x));
}
