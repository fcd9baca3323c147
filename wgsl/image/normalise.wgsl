// y[b, c, p] = (pixels[b, p, c] / 255 - mean[c]) / std[c], p running over the pixels of an image, bytes four to a word.
// One invocation one pixel.   Needs: lib/grid.wgsl
alias Elem = f32;
const WG: u32 = 64u;

// count: pixels in all; area: pixels of an image
struct Params { count: u32, area: u32, mean0: f32, mean1: f32, mean2: f32, std0: f32, std1: f32, std2: f32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> pixels: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<Elem>;

fn byte(i: u32) -> f32 { return f32((pixels[i / 4u] >> (8u * (i % 4u))) & 0xffu); }

@compute @workgroup_size(WG)
fn normalise(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = flat_group(group, groups) * WG + lane;
  if (i >= params.count) { return; }
  let rgb = vec3f(byte(3u * i), byte(3u * i + 1u), byte(3u * i + 2u)) / 255.0;
  let mean = vec3f(params.mean0, params.mean1, params.mean2);
  let normal = (rgb - mean) / vec3f(params.std0, params.std1, params.std2);
  let at = i / params.area * 3u * params.area + i % params.area;
  y[at] = Elem(normal.x);
  y[at + params.area] = Elem(normal.y);
  y[at + 2u * params.area] = Elem(normal.z);
}
