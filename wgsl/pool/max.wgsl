// y[b, i, j, c] = max x[b, window(i), window(j), c] over the pixels of the window that lie in the image; NaN where one is
//   forward, forward_saved   one invocation one pack of channels of y. Saved is which pixel of its window each element is,
//                            counted row by row: the first of several that are equal, as PyTorch has it
//   backward                 dx[b, y, x, c] = Σ dy over the windows that took the pixel: one invocation one pack of dx
// Needs: params.wgsl, windows.wgsl, taps_by_one.wgsl or taps_by_four.wgsl, lib/grid.wgsl, lib/quotient.wgsl
@group(0) @binding(5) var<storage, read_write> taken: array<u32>; // of each pack of y
@group(0) @binding(6) var<storage, read> took: array<u32>; // the same, in backward

struct Best { value: Wide, tap: Index }

fn best_of(n: u32) -> Best {
  let at = place_of(n, params.out_height, params.out_width);
  let down = window(at.i, 0u);
  let across = window(at.j, 1u);
  var best = Best();
  var is_first = true;
  for (var i = max(down.x, 0); i < min(down.y, params.height); i++) {
    let start = (at.image * params.height + i) * params.width;
    for (var j = max(across.x, 0); j < min(across.y, params.width); j++) {
      let value = Wide(x[u32(start + j) * params.packs + at.pack]);
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
  let at = place_of(n, params.height, params.width);
  let down = reaching(at.i, 0u);
  let across = reaching(at.j, 1u);
  var total = Wide();
  for (var i = down.x; i < down.y; i++) {
    let start = (at.image * params.out_height + i) * params.out_width;
    let tap_y = at.i - window(i, 0u).x;
    for (var j = across.x; j < across.y; j++) {
      let tap = tap_y * params.kernel_x + at.j - window(j, 1u).x;
      let reached = u32(start + j) * params.packs + at.pack;
      total += select(Wide(), Wide(dy[reached]), unpacked(took[reached]) == Index(u32(tap)));
    }
  }
  dx[n] = Pack(total);
}
