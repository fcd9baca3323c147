// y[b, i, j, c] = Σ x[b, window(i), window(j), c] / the size of the window; what lies outside of the image counts as 0
//   forward    one invocation one pack of channels of y
//   backward   dx[b, y, x, c] = Σ dy / size over the windows that hold the pixel: one invocation one pack of dx
// Needs: params.wgsl, windows.wgsl or bins.wgsl, lib/grid.wgsl, lib/quotient.wgsl

@compute @workgroup_size(WG)
fn forward(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let n = flat_group(group, groups) * WG + lane;
  if (n >= params.count) { return; }
  let at = place_of(n, params.out_height, params.out_width);
  let down = window(at.i, 0u);
  let across = window(at.j, 1u);
  var total = Wide();
  for (var i = max(down.x, 0); i < min(down.y, params.height); i++) {
    let start = (at.image * params.height + i) * params.width;
    for (var j = max(across.x, 0); j < min(across.y, params.width); j++) {
      total += Wide(x[u32(start + j) * params.packs + at.pack]);
    }
  }
  y[n] = Pack(total / f32((down.y - down.x) * (across.y - across.x)));
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
    let rows = window(i, 0u);
    for (var j = across.x; j < across.y; j++) {
      let columns = window(j, 1u);
      total += Wide(dy[u32(start + j) * params.packs + at.pack]) / f32((rows.y - rows.x) * (columns.y - columns.x));
    }
  }
  dx[n] = Pack(total);
}
