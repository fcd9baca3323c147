// What pooling by maximum and by average share: parameters, tensors, and where an invocation is in them.
// Needs: lib/quotient.wgsl
alias Elem = f32;
alias Pack = Elem; // or vec4<Elem>
alias Wide = f32; // or vec4f
const WG: u32 = 64u;

struct Params {
  count: u32, packs: u32, height: i32, width: i32, out_height: i32, out_width: i32,
  kernel_y: i32, kernel_x: i32, stride_y: i32, stride_x: i32, padding_y: i32, padding_x: i32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Pack>;
@group(0) @binding(2) var<storage, read> dy: array<Pack>;
@group(0) @binding(3) var<storage, read_write> y: array<Pack>;
@group(0) @binding(4) var<storage, read_write> dx: array<Pack>;

fn divided(a: i32, b: i32) -> i32 { return i32(quotient(u32(a), u32(b))); } // of what is not negative

// Pack n of images of this height and width: which of its pixel's packs it is, the image, the pixel's row and column.
struct Place { pack: u32, image: i32, i: i32, j: i32 }
fn place_of(n: u32, height: i32, width: i32) -> Place {
  let pixel = i32(quotient(n, params.packs));
  let row = divided(pixel, width);
  let image = divided(row, height);
  return Place(n - u32(pixel) * params.packs, image, row - image * height, pixel - row * width);
}
