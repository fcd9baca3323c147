// Gradients in half the bytes. A block of 256 elements is a power of two, by which its largest element comes to lie from 2^14 to
// 2^15, and 256 numbers of f16; one that holds NaN or infinity is all NaN. Blocks stand in `parts` parts of as many each:
//   part = blocks * 128 words of two halves each, then blocks words of f32
//   pack     x to parts
//   sum      one part of each rank to a part, the sum of all in f32
//   unpack   parts to y
// One workgroup one block, one invocation four elements. Floats that may be NaN come and go as bits.
// Needs: lib/grid.wgsl
const LANES: u32 = 64u; // of a block
const BLOCK: u32 = 256u;
const WORDS: u32 = 128u; // of a block's halves
const NAN: u32 = 0x7fc00000u;

struct Params { blocks: u32, parts: u32, elements: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4u>;
@group(0) @binding(2) var<storage, read> parts_given: array<u32>;
@group(0) @binding(3) var<storage, read_write> parts: array<u32>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4u>;

var<workgroup> largest: atomic<u32>;

fn part_start(part: u32) -> u32 { return part * params.blocks * (WORDS + 1u); }
fn halves_at(part: u32, block: u32, lane: u32) -> u32 { return part_start(part) + block * WORDS + 2u * lane; }
fn scale_at(part: u32, block: u32) -> u32 { return part_start(part) + params.blocks * WORDS + block; }

// The elements of an invocation, and true where they are NaN with all of their block.
struct Four { values: vec4f, is_nan: bool }

fn four(part: u32, block: u32, lane: u32) -> Four {
  let at = halves_at(part, block, lane);
  let scale = parts_given[scale_at(part, block)];
  let halves = vec4f(unpack2x16float(parts_given[at]), unpack2x16float(parts_given[at + 1u]));
  return Four(halves * bitcast<f32>(scale), scale == NAN);
}

// Stores the elements of all invocations as a block; `bits` is that of the largest magnitude of them.
fn store(part: u32, block: u32, lane: u32, values: vec4f, bits: u32) {
  atomicMax(&largest, bits);
  workgroupBarrier();
  let exponent = max(atomicLoad(&largest) >> 23u, 15u);
  let is_nan = exponent >= 255u;
  let factor = bitcast<f32>((268u - min(exponent, 254u)) << 23u);
  let at = halves_at(part, block, lane);
  parts[at] = select(pack2x16float(values.xy * factor), 0u, is_nan);
  parts[at + 1u] = select(pack2x16float(values.zw * factor), 0u, is_nan);
  if (lane == 0u) { parts[scale_at(part, block)] = select((exponent - 14u) << 23u, NAN, is_nan); }
}

fn largest_of(bits: vec4u) -> u32 {
  let magnitudes = bits & vec4u(0x7fffffffu);
  return max(max(magnitudes.x, magnitudes.y), max(magnitudes.z, magnitudes.w));
}

@compute @workgroup_size(LANES)
fn pack(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = flat_group(group, groups);
  if (i >= params.blocks * params.parts) { return; }
  let at = i * LANES + lane;
  var bits = vec4u(0u);
  if (4u * at < params.elements) { bits = x[at]; }
  store(i / params.blocks, i % params.blocks, lane, bitcast<vec4f>(bits), largest_of(bits));
}

@compute @workgroup_size(LANES)
fn sum(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let block = flat_group(group, groups);
  if (block >= params.blocks) { return; }
  var total = vec4f(0.0);
  var is_nan = false;
  for (var part = 0u; part < params.parts; part++) {
    let one = four(part, block, lane);
    total += one.values;
    is_nan = is_nan || one.is_nan;
  }
  store(0u, block, lane, total, select(largest_of(bitcast<vec4u>(total)), NAN, is_nan));
}

@compute @workgroup_size(LANES)
fn unpack(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = flat_group(group, groups);
  let at = i * LANES + lane;
  if (4u * at >= params.elements) { return; }
  let one = four(i / params.blocks, i % params.blocks, lane);
  y[at] = select(bitcast<vec4u>(one.values), vec4u(NAN), one.is_nan);
}
