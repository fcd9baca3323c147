// forward    y[b, (i, j), (c, r, k)] = x[b, c, side i + r, side j + k]
// backward   its inverse: every element of x lies in one patch, so dx is written whole
// One invocation one cell of y or dy.   Needs: lib/grid.wgsl
alias Elem = f32;
alias Cell = Elem; // or vec4<Elem>
const WG: u32 = 64u;

// width is a row of an image and `cells` a row of a patch, in cells; side is a patch's number of rows.
struct Params { count: u32, channels: u32, height: u32, width: u32, side: u32, cells: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Cell>;
@group(0) @binding(2) var<storage, read_write> y: array<Cell>;

// Where cell n of the patches lies in the images.
fn in_image(n: u32) -> u32 {
  let k = n % params.cells;
  var rest = n / params.cells;
  let r = rest % params.side;
  rest /= params.side;
  let c = rest % params.channels;
  rest /= params.channels;
  let across = params.width / params.cells;
  let j = rest % across;
  rest /= across;
  let down = params.height / params.side;
  let i = rest % down;
  let b = rest / down;
  return ((b * params.channels + c) * params.height + i * params.side + r) * params.width + j * params.cells + k;
}

@compute @workgroup_size(WG)
fn forward(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let n = flat_group(group, groups) * WG + lane;
  if (n < params.count) { y[n] = x[in_image(n)]; }
}

@group(0) @binding(1) var<storage, read> dy: array<Cell>;
@group(0) @binding(2) var<storage, read_write> dx: array<Cell>;

@compute @workgroup_size(WG)
fn backward(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let n = flat_group(group, groups) * WG + lane;
  if (n < params.count) { dx[in_image(n)] = dy[n]; }
}
