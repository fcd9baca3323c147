// y[b, i, j, c] = max x[b, window(i), window(j), c] over the pixels of the window that lie in the image; NaN where one is
//   forward, forward_saved   one invocation one pack of channels of y. Saved is which pixel of its window each element is,
//                            counted row by row: the first of several that are equal, as PyTorch has it
//   backward                 dx[b, y, x, c] = Σ dy over the windows that took the pixel: one invocation one pack of dx
// Needs: windows.wgsl, taps_by_one.wgsl or taps_by_four.wgsl, lib/grid.wgsl, lib/quotient.wgsl
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
@group(0) @binding(5) var<storage, read_write> taken: array<u32>; // of each pack of y
@group(0) @binding(6) var<storage, read> took: array<u32>; // the same, in backward

struct Best { value: Wide, tap: Index }

fn best_of(n: u32) -> Best {
  let pixel = i32(quotient(n, params.packs));
  let pack = n - u32(pixel) * params.packs;
  let row = divided(pixel, params.out_width);
  let image = divided(row, params.out_height);
  let down = window(row - image * params.out_height, 0u);
  let across = window(pixel - row * params.out_width, 1u);
  var best = Best();
  var is_first = true;
  for (var i = max(down.x, 0); i < min(down.y, params.height); i++) {
    let start = (image * params.height + i) * params.width;
    for (var j = max(across.x, 0); j < min(across.y, params.width); j++) {
      let value = Wide(x[u32(start + j) * params.packs + pack]);
      // By bits: comparisons of floats may lose NaN.
      let is_nan = (bitcast<Index>(value) & Index(0x7fffffffu)) > Index(0x7f800000u);
      let was_nan = (bitcast<Index>(best.value) & Index(0x7fffffffu)) > Index(0x7f800000u);
      let takes = Flag(is_first) | (!was_nan & (is_nan | (value > best.value)));
      best.value = select(best.value, value, takes);
      best.tap = select(best.tap, Index(u32((i - down.x) * params.kernel_x + j - across.x)), takes);
      is_first = false;
    }
  }
  return best;
}

@compute @workgroup_size(WG)
fn forward(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let n = flat_group(group, groups) * WG + lane;
  if (n < params.count) { y[n] = Pack(best_of(n).value); }
}

@compute @workgroup_size(WG)
fn forward_saved(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let n = flat_group(group, groups) * WG + lane;
  if (n >= params.count) { return; }
  let best = best_of(n);
  y[n] = Pack(best.value);
  taken[n] = packed(best.tap);
}

@compute @workgroup_size(WG)
fn backward(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let n = flat_group(group, groups) * WG + lane;
  if (n >= params.count) { return; }
  let pixel = i32(quotient(n, params.packs));
  let pack = n - u32(pixel) * params.packs;
  let row = divided(pixel, params.width);
  let image = divided(row, params.height);
  let down = reaching(row - image * params.height, 0u);
  let across = reaching(pixel - row * params.width, 1u);
  var total = Wide();
  for (var i = down.x; i < down.y; i++) {
    let start = (image * params.out_height + i) * params.out_width;
    let tap_y = row - image * params.height - window(i, 0u).x;
    for (var j = across.x; j < across.y; j++) {
      let tap = tap_y * params.kernel_x + pixel - row * params.width - window(j, 1u).x;
      let at = u32(start + j) * params.packs + pack;
      total += select(Wide(), Wide(dy[at]), unpacked(took[at]) == Index(u32(tap)));
    }
  }
  dx[n] = Pack(total);
}
