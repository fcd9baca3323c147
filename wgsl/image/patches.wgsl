// y[b, (i, j), (c, r, k)] = (pixels[b, side i + r, side j + k, c] / 255 - mean[c]) / std[c]
// One invocation a pack of neighbouring pixels, all three channels. Bytes lie four to a word.
// Needs: image/by_four.wgsl or image/by_one.wgsl, lib/grid.wgsl
alias Elem = f32;
const WG: u32 = 64u;

// `width` packs are a row of an image, `packs` of them a row of a patch, which has `side` rows.
struct Params { count: u32, width: u32, side: u32, packs: u32, mean0: f32, mean1: f32, mean2: f32, std0: f32, std1: f32, std2: f32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> pixels: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<Pack>;

@compute @workgroup_size(WG)
fn patches(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let n = flat_group(group, groups) * WG + lane;
  if (n >= params.count) { return; }
  let row = n / params.width; // of all images: patches are as high as they are apart, so rows of them count on as well
  let across = n - row * params.width;
  let j = across / params.packs;
  let k = across - j * params.packs;
  let bi = row / params.side;
  let r = row - bi * params.side;
  let area = params.side * params.packs;
  let at = (bi * (params.width / params.packs) + j) * 3u * area + r * params.packs + k;
  let loaded = load(n);
  y[at] = Pack((channel(loaded, 0u) / 255.0 - params.mean0) / params.std0);
  y[at + area] = Pack((channel(loaded, 1u) / 255.0 - params.mean1) / params.std1);
  y[at + 2u * area] = Pack((channel(loaded, 2u) / 255.0 - params.mean2) / params.std2);
}
