// The weight of a convolution, w [outputs, inputs, height, width], as products read it, y [groups, rows, taps_y, taps_x, columns]:
//   arrange   y[g, r, ty, tx, c] = w[i]
//   restore   w[i] = y[g, r, ty, tx, c];   ADDED: += in place of =
// with i = g stride_g + r stride_r + c stride_c + ty stride_y + tx stride_x + first. One invocation four neighbouring c of y.
// Needs: lib/grid.wgsl, lib/quotient.wgsl
alias Elem = f32;
const ADDED: bool = false;
const WG: u32 = 64u;

// `count` and `columns` are in fours.
struct Params {
  count: u32, rows: u32, taps_y: u32, taps_x: u32, columns: u32,
  stride_g: u32, stride_r: u32, stride_c: u32, stride_y: u32, stride_x: u32, first: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> w: array<Elem>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<Elem>>;
@group(0) @binding(3) var<storage, read> dy: array<vec4<Elem>>;
@group(0) @binding(4) var<storage, read_write> dw: array<Elem>;

// The places in the weight of four elements.
fn in_weight(n: u32) -> vec4u {
  let tap = quotient(n, params.columns);
  let row_y = quotient(tap, params.taps_x);
  let row = quotient(row_y, params.taps_y);
  let g = quotient(row, params.rows);
  let i = g * params.stride_g + (row - g * params.rows) * params.stride_r + (n - tap * params.columns) * 4u * params.stride_c +
    (row_y - row * params.taps_y) * params.stride_y + (tap - row_y * params.taps_x) * params.stride_x + params.first;
  return i + vec4u(0u, 1u, 2u, 3u) * params.stride_c;
}

@compute @workgroup_size(WG)
fn arrange(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let n = flat_group(group, groups) * WG + lane;
  if (n >= params.count) { return; }
  let i = in_weight(n);
  y[n] = vec4<Elem>(w[i.x], w[i.y], w[i.z], w[i.w]);
}

fn put(i: u32, value: Elem) {
  if (ADDED) { dw[i] += value; } else { dw[i] = value; }
}

@compute @workgroup_size(WG)
fn restore(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let n = flat_group(group, groups) * WG + lane;
  if (n >= params.count) { return; }
  let i = in_weight(n);
  let value = vec4<Elem>(dy[n]);
  put(i.x, value.x);
  put(i.y, value.y);
  put(i.z, value.z);
  put(i.w, value.w);
}
