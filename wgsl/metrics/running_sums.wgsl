// sums[at_s + i] += factor_s · values_s[i], for SOURCES sources s of count_s values each.
// One invocation adds the i-th value of every source, so no two sources may share a place. Bit s of `integers` is set
// where source s holds u32 in place of f32; a source that is not there has a count of 0.
// Needs: lib/grid.wgsl
const WG: u32 = 64u;
const SOURCES: u32 = 6u; // as many as are written out below

struct Params {
  at0: u32, at1: u32, at2: u32, at3: u32, at4: u32, at5: u32,
  count0: u32, count1: u32, count2: u32, count3: u32, count4: u32, count5: u32,
  factor0: f32, factor1: f32, factor2: f32, factor3: f32, factor4: f32, factor5: f32,
  integers: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> values0: array<u32>;
@group(0) @binding(2) var<storage, read> values1: array<u32>;
@group(0) @binding(3) var<storage, read> values2: array<u32>;
@group(0) @binding(4) var<storage, read> values3: array<u32>;
@group(0) @binding(5) var<storage, read> values4: array<u32>;
@group(0) @binding(6) var<storage, read> values5: array<u32>;
@group(0) @binding(7) var<storage, read_write> sums: array<f32>;

fn number(word: u32, s: u32) -> f32 {
  return select(bitcast<f32>(word), f32(word), ((params.integers >> s) & 1u) == 1u);
}

@compute @workgroup_size(WG)
fn add_values(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = flat_group(group, groups) * WG + lane;
  if (i < params.count0) { sums[params.at0 + i] += params.factor0 * number(values0[i], 0u); }
  if (i < params.count1) { sums[params.at1 + i] += params.factor1 * number(values1[i], 1u); }
  if (i < params.count2) { sums[params.at2 + i] += params.factor2 * number(values2[i], 2u); }
  if (i < params.count3) { sums[params.at3 + i] += params.factor3 * number(values3[i], 3u); }
  if (i < params.count4) { sums[params.at4 + i] += params.factor4 * number(values4[i], 4u); }
  if (i < params.count5) { sums[params.at5 + i] += params.factor5 * number(values5[i], 5u); }
}
