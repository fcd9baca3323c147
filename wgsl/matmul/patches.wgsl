// An operand that is never stored: the patches of images [images, height, width, pixel], whose row m is the patch of pixel
// (image, oy, ox) of out_height × out_width, and whose column k is (tap_y, tap_x, channel), `taps` taps to a row and
// `channels`, a multiple of four, to a tap:
//   patch[m, k] = image[oy stride_y + tap_y dilation_y + first_y, ox stride_x + tap_x dilation_x + first_x, channel]
// 0 outside of the image. The convolution of the images is the product of their patches and the weight.
// Needs: params.wgsl, lib/quotient.wgsl
const OUTSIDE: u32 = 0xffffffffu;

fn in_image(m: u32, k: u32) -> u32 {
  let row = quotient(m, params.out_width);
  let image = quotient(row, params.out_height);
  let tap = quotient(k, params.channels);
  let tap_y = quotient(tap, params.taps);
  let tap_x = tap - tap_y * params.taps;
  let y = i32(row - image * params.out_height) * params.stride_y + i32(tap_y) * params.dilation_y + params.first_y;
  let x = i32(m - row * params.out_width) * params.stride_x + i32(tap_x) * params.dilation_x + params.first_x;
  // What is negative is large as u32.
  let inside = (u32(y) < params.height) & (u32(x) < params.width);
  let pixel = (image * params.height + u32(y)) * params.width + u32(x);
  return select(OUTSIDE, pixel * params.pixel + k - tap * params.channels, inside);
}
