// Slices of tiles.wgsl in f16, which take half the memory: the products of a slice are added up in f16, of which GPUs compute two
// at a time, and slices in f32. A sum of up to 16 products is then rounded as often, and is infinite beyond 65,504.
alias Slice = f16;
fn start_slice(_sums: Sums) -> SliceSums { return SliceSums(); }
fn end_slice(sums: Sums, slice: SliceSums) -> Sums {
  return Sums(added(sums.c00, slice.c00), added(sums.c01, slice.c01), added(sums.c10, slice.c10), added(sums.c11, slice.c11));
}
fn added(sums: mat4x4f, slice: Block) -> mat4x4f {
  return mat4x4f(sums[0] + vec4f(slice[0]), sums[1] + vec4f(slice[1]), sums[2] + vec4f(slice[2]), sums[3] + vec4f(slice[3]));
}

// For tile_sums_rows.wgsl, what a strip along k adds up to in a block of four rows: in memory of its own, which is f32.
var<workgroup> strips: array<vec4f, WG>;
fn keep_strip(strip: u32, block: u32, sums: vec4f) { strips[strip * (TILE_M / 4u) + block] = sums; }
fn strip_of(strip: u32, block: u32) -> vec4f { return strips[strip * (TILE_M / 4u) + block]; }
