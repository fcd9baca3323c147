// y[b, i, j, c] = Σ x[b, window(i), window(j), c] / the size of the window; what lies outside of the image counts as 0
//   forward    one invocation one pack of channels of y
//   backward   dx[b, y, x, c] = Σ dy / size over the windows that hold the pixel: one invocation one pack of dx
// Needs: windows.wgsl or bins.wgsl, lib/grid.wgsl, lib/quotient.wgsl
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

@compute @workgroup_size(WG)
fn forward(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let n = flat_group(group, groups) * WG + lane;
  if (n >= params.count) { return; }
  let pixel = i32(quotient(n, params.packs));
  let pack = n - u32(pixel) * params.packs;
  let row = divided(pixel, params.out_width);
  let image = divided(row, params.out_height);
  let down = window(row - image * params.out_height, 0u);
  let across = window(pixel - row * params.out_width, 1u);
  var total = Wide();
  for (var i = max(down.x, 0); i < min(down.y, params.height); i++) {
    let start = (image * params.height + i) * params.width;
    for (var j = max(across.x, 0); j < min(across.y, params.width); j++) {
      total += Wide(x[u32(start + j) * params.packs + pack]);
    }
  }
  y[n] = Pack(total / f32((down.y - down.x) * (across.y - across.x)));
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
    let rows = window(i, 0u);
    for (var j = across.x; j < across.y; j++) {
      let columns = window(j, 1u);
      total += Wide(dy[u32(start + j) * params.packs + pack]) / f32((rows.y - rows.x) * (columns.y - columns.x));
    }
  }
  dx[n] = Pack(total);
}
