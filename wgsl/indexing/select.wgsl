// forward    y[n] = mask[n] != 0 ? a[n] : b[n]
// backward   dx[n] = (mask[n] != 0) == side ? dy[n] : 0;   side is 1 for a, 0 for b
// One invocation one pack.   Needs: lib/grid.wgsl
alias Elem = f32;
alias Pack = Elem; // or vec4<Elem>
const WG: u32 = 64u;

// width: packs of a row
struct Params { count: u32, width: u32, side: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> mask: array<u32>;
@group(0) @binding(2) var<storage, read> a: array<Pack>;
@group(0) @binding(3) var<storage, read> b: array<Pack>;
@group(0) @binding(4) var<storage, read_write> y: array<Pack>;

@compute @workgroup_size(WG)
fn forward(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = flat_group(group, groups) * WG + lane;
  if (i < params.count) { y[i] = select(b[i], a[i], mask[i / params.width] != 0u); }
}

@group(0) @binding(2) var<storage, read> dy: array<Pack>;
@group(0) @binding(3) var<storage, read_write> dx: array<Pack>;

@compute @workgroup_size(WG)
fn backward(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = flat_group(group, groups) * WG + lane;
  if (i >= params.count) { return; }
  let chosen = (mask[i / params.width] != 0u) == (params.side != 0u);
  dx[i] = select(Pack(), dy[i], chosen);
}
