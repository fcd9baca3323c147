// The parameters of a batch of products [m, k] · [k, n], for all files of a product. The grid starts at row m0 and matrix z0;
// the inner dimension is cut into `splits` parts of `depth`, and part s of matrix z is written to c[z · splits + s]. Strides
// are in elements. Operands are read, and the result is written, in blocks of 4×4: by vec4s where the stored rows are whole
// vec4s, else one element at a time. Elements beyond the end along k count as 0.
alias Elem = f32; // of a and b
alias Result = f32; // of c
const WHOLE_K: bool = false; // k is a multiple of four

struct Params {
  m: u32, n: u32, k: u32, batch: u32, m0: u32, z0: u32, splits: u32, depth: u32, stride_a: u32, stride_b: u32,
  // What follows is of products with images: see patches.wgsl and address_pixels.wgsl.
  out_height: u32, out_width: u32,
  height: u32, width: u32, pixel: u32, channels: u32, taps: u32,
  stride_y: i32, stride_x: i32, dilation_y: i32, dilation_x: i32, first_y: i32, first_x: i32,
  full_height: u32, full_width: u32, step_y: u32, step_x: u32, offset_y: u32, offset_x: u32,
}
@group(0) @binding(0) var<uniform> params: Params;

// Four rows from k on, those beyond the end being 0.
fn rows_along_k(k: u32, block: mat4x4f) -> mat4x4f {
  if (WHOLE_K) { return block; }
  let zero = vec4f();
  return mat4x4f(block[0], select(zero, block[1], k + 1u < params.k), select(zero, block[2], k + 2u < params.k), select(zero, block[3], k + 3u < params.k));
}
