// Windows of equal size, KERNEL pixels long, STRIDE apart, of which the first begins PADDING pixels before the image. Along
// an axis, 0 for the height and 1 for the width:
//   window(i)    the pixels from .. up to of window i; some may lie outside of the image
//   reaching(p)  the windows from .. up to that hold pixel p
// Needs: params.wgsl
fn kernel(axis: u32) -> i32 { return select(params.kernel_y, params.kernel_x, axis == 1u); }
fn stride(axis: u32) -> i32 { return select(params.stride_y, params.stride_x, axis == 1u); }
fn padding(axis: u32) -> i32 { return select(params.padding_y, params.padding_x, axis == 1u); }

fn window(i: i32, axis: u32) -> vec2i {
  let start = i * stride(axis) - padding(axis);
  return vec2i(start, start + kernel(axis));
}
fn reaching(p: i32, axis: u32) -> vec2i {
  let last = p + padding(axis);
  let count = select(params.out_height, params.out_width, axis == 1u);
  return vec2i(divided(max(last - kernel(axis) + stride(axis), 0), stride(axis)), min(divided(last, stride(axis)) + 1, count));
}
