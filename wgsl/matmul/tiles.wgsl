// c[z] = epilogue(a[z] · b[z]) for GPUs: one workgroup a tile of c, TILE_M × TILE_N, as a sum over steps along k of
//   tile += a[TILE_M, STEP] · b[STEP, TILE_N],
// the two slices being brought into workgroup memory once and read by every invocation. There they lie k by k in vec4s
// along m and n, so that an invocation reads a few vec4s for one k and adds their outer products, 4·ROWS × 4·COLS elements
// of c, in registers. The next slices are written to workgroup memory after that: with two buffers to other memory than is
// being read, so that one barrier a step is enough. AHEAD, an invocation's first block of them is loaded into registers
// before it, so that it is on its way meanwhile; a second one, for which there are few registers, is not.
//
// Invocation (x, y) of X × Y owns blocks of 4×4 at rows 4(y + rY) and columns 4(x + sX): neighbours read neighbouring vec4s,
// which lie in different banks. 32 invocations in a row are 8 wide and 4 high: together they read the fewest vec4s.
// A slice comes as blocks of 4×4, at most two an invocation, in the order of the operand in memory. Where that is along k,
// neighbours write vec4s a whole number of banks apart: `place` moves them to different ones.
// Of the indices into these arrays one varies, at the cost of a clamp, and the rest are constants.
// Needs: params.wgsl, a_block.wgsl; for each of a, b and c its _vec4.wgsl or _scalar.wgsl; for a and b its _from_*.wgsl; an
// epilogue_*.wgsl, a tile_sums_*.wgsl, a slice_*.wgsl
const TILE_M: u32 = 64u;
const TILE_N: u32 = 64u;
const ROWS: u32 = 2u; // 1 or 2 blocks of four rows an invocation
const COLS: u32 = 2u; // 1 or 2 blocks of four columns
const STEP: u32 = 16u; // 8 or 16
const BUFFERS: u32 = 2u; // 1 or 2
const AHEAD: bool = true;
const WHOLE_STEPS: bool = false; // all parts of k are whole steps

const X: u32 = TILE_N / (4u * COLS);
const Y: u32 = TILE_M / (4u * ROWS);
const WG: u32 = X * Y;
const SLABS: u32 = STEP / 4u; // blocks of a slice along k
const BLOCKS_A: u32 = SLABS * TILE_M / 4u;
const BLOCKS_B: u32 = SLABS * TILE_N / 4u;
const IS_TWO: bool = BLOCKS_A + BLOCKS_B > WG; // some invocations bring two blocks
// The larger slice comes first: then all first blocks, or all second ones, are of one operand.
const FIRST_A: u32 = select(0u, BLOCKS_B, BLOCKS_B > BLOCKS_A);
const FIRST_B: u32 = select(BLOCKS_A, 0u, BLOCKS_B > BLOCKS_A);

var<workgroup> slice_a: array<array<array<array<array<vec4<Slice>, Y>, ROWS>, 4>, SLABS>, BUFFERS>;
var<workgroup> slice_b: array<array<array<array<array<vec4<Slice>, X>, COLS>, 4>, SLABS>, BUFFERS>;

fn place(at: u32, slab: u32, width: u32) -> u32 { return at ^ (slab * (8u / SLABS) % width); }

// The block of a slice, along k and along m or n, that has number i in the order of the operand in memory. The remainder is for
// drivers, which do not know how large i is, and would clamp what it is an index of.
fn block_of(i: u32, length: u32, along_k: bool) -> vec2u {
  return select(vec2u(i / length % SLABS, i % length), vec2u(i % SLABS, i / SLABS), along_k);
}

// Whether block lane + before is one of `count` from `start` on. Drivers do not know that lane < WG: what is the same for all
// lanes is told as a constant, and then they have no code for the other operand.
fn is_among(lane: u32, before: u32, start: u32, count: u32) -> bool {
  if (before + WG <= start || before >= start + count) { return false; }
  let end = start + count;
  return (before >= start || lane + before >= start) && (before + WG <= end || lane + before < end);
}

// Where block lane + before of both slices is for k = 0: what of its address is the same for all k, found once, and one number
// whichever operand it is of. Both operands' addresses, found again each time, would take registers that sums need.
fn origin_of(lane: u32, before: u32, a0: u32, b0: u32, m: u32, n: u32) -> u32 {
  if (is_among(lane, before, FIRST_A, BLOCKS_A)) {
    let block = block_of(lane + before - FIRST_A, TILE_M / 4u, !TRANSPOSED_A);
    return origin_a(a0, m + 4u * block.y, 4u * block.x);
  }
  let block = block_of(lane + before - FIRST_B, TILE_N / 4u, TRANSPOSED_B);
  return origin_b(b0, n + 4u * block.y, 4u * block.x);
}

// Block lane + before of both slices from k on: four rows along k, of four elements along m or n.
fn fetch(lane: u32, before: u32, origin: u32, m: u32, n: u32, k: u32, last: u32) -> mat4x4f {
  if (is_among(lane, before, FIRST_A, BLOCKS_A)) {
    let block = block_of(lane + before - FIRST_A, TILE_M / 4u, !TRANSPOSED_A);
    if (WHOLE_STEPS || k + 4u * block.x < last) { return transpose(block_from_a(origin, m + 4u * block.y, 4u * block.x, k)); }
  } else if (is_among(lane, before, FIRST_B, BLOCKS_B)) {
    let block = block_of(lane + before - FIRST_B, TILE_N / 4u, TRANSPOSED_B);
    if (WHOLE_STEPS || k + 4u * block.x < last) { return block_from_b(origin, n + 4u * block.y, 4u * block.x, k); }
  }
  return mat4x4f();
}

fn keep(lane: u32, before: u32, buffer: u32, value: mat4x4f) {
  if (is_among(lane, before, FIRST_A, BLOCKS_A)) {
    let block = block_of(lane + before - FIRST_A, TILE_M / 4u, !TRANSPOSED_A);
    let r = block.y / Y;
    let y = place(block.y % Y, block.x, Y);
    slice_a[buffer][block.x][0][r][y] = vec4<Slice>(value[0]);
    slice_a[buffer][block.x][1][r][y] = vec4<Slice>(value[1]);
    slice_a[buffer][block.x][2][r][y] = vec4<Slice>(value[2]);
    slice_a[buffer][block.x][3][r][y] = vec4<Slice>(value[3]);
  } else if (is_among(lane, before, FIRST_B, BLOCKS_B)) {
    let block = block_of(lane + before - FIRST_B, TILE_N / 4u, TRANSPOSED_B);
    let s = block.y / X;
    let x = place(block.y % X, block.x, X);
    slice_b[buffer][block.x][0][s][x] = vec4<Slice>(value[0]);
    slice_b[buffer][block.x][1][s][x] = vec4<Slice>(value[1]);
    slice_b[buffer][block.x][2][s][x] = vec4<Slice>(value[2]);
    slice_b[buffer][block.x][3][s][x] = vec4<Slice>(value[3]);
  }
}

// The blocks of one invocation: c01 is X blocks to the right of c00, c10 and c11 are Y blocks below.
struct Sums { c00: mat4x4f, c01: mat4x4f, c10: mat4x4f, c11: mat4x4f }
// The same on the way through a slice.
alias Block = mat4x4<Slice>;
struct SliceSums { c00: Block, c01: Block, c10: Block, c11: Block }

fn add_outer(c: Block, a: vec4<Slice>, b: vec4<Slice>) -> Block {
  return Block(fma(vec4<Slice>(a.x), b, c[0]), fma(vec4<Slice>(a.y), b, c[1]), fma(vec4<Slice>(a.z), b, c[2]), fma(vec4<Slice>(a.w), b, c[3]));
}

fn add_products(before: SliceSums, buffer: u32, slab: u32, k: u32, x: u32, y: u32) -> SliceSums {
  var sums = before;
  let a0 = slice_a[buffer][slab][k][0][y];
  let b0 = slice_b[buffer][slab][k][0][x];
  sums.c00 = add_outer(sums.c00, a0, b0);
  if (COLS > 1u) {
    let b1 = slice_b[buffer][slab][k][COLS - 1u][x];
    sums.c01 = add_outer(sums.c01, a0, b1);
  }
  if (ROWS > 1u) {
    let a1 = slice_a[buffer][slab][k][ROWS - 1u][y];
    sums.c10 = add_outer(sums.c10, a1, b0);
    if (COLS > 1u) { sums.c11 = add_outer(sums.c11, a1, slice_b[buffer][slab][k][COLS - 1u][x]); }
  }
  return sums;
}

// Four steps along k. Called once for each slab with its number written out, not in a loop: WGSL compilers guard loops against
// running forever, so that drivers see no number of turns, unroll none and compute every address anew.
fn add_slab(before: SliceSums, buffer: u32, slab: u32, x: u32, y: u32) -> SliceSums {
  let at_x = place(x, slab, X);
  let at_y = place(y, slab, Y);
  var sums = add_products(before, buffer, slab, 0u, at_x, at_y);
  sums = add_products(sums, buffer, slab, 1u, at_x, at_y);
  sums = add_products(sums, buffer, slab, 2u, at_x, at_y);
  return add_products(sums, buffer, slab, 3u, at_x, at_y);
}

@compute @workgroup_size(WG)
fn forward(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let m = params.m0 + group.y * TILE_M;
  let n = group.x * TILE_N;
  let part = params.z0 + group.z;
  let z = part / params.splits;
  let first = part % params.splits * params.depth;
  let last = min(first + params.depth, params.k);
  let a0 = z * params.stride_a;
  let b0 = z * params.stride_b;
  if (SUMMED && n >= params.n) { // beyond the columns of c
    sum_rows(part, a0, m, first, last, lane);
    return;
  }
  let wide = min(X, 8u);
  let x = lane % wide + lane / (4u * wide) % (X / wide) * wide;
  let y = lane / wide % 4u + lane / (4u * X) * 4u;

  var sums = Sums();
  let origin0 = origin_of(lane, 0u, a0, b0, m, n);
  let origin1 = origin_of(lane, WG, a0, b0, m, n);
  var block = fetch(lane, 0u, origin0, m, n, first, last);
  keep(lane, 0u, 0u, block);
  if (IS_TWO) { keep(lane, WG, 0u, fetch(lane, WG, origin1, m, n, first, last)); }
  workgroupBarrier();
  var buffer = 0u;
  for (var k = first; k < last; k += STEP) {
    let next = k + STEP;
    if (AHEAD && next < last) { block = fetch(lane, 0u, origin0, m, n, next, last); }
    var slice = start_slice(sums);
    slice = add_slab(slice, buffer, 0u, x, y);
    slice = add_slab(slice, buffer, 1u, x, y);
    if (SLABS > 2u) {
      slice = add_slab(slice, buffer, 2u, x, y);
      slice = add_slab(slice, buffer, 3u, x, y);
    }
    sums = end_slice(sums, slice);
    if (BUFFERS == 1u) { workgroupBarrier(); }
    if (next < last) {
      buffer = (buffer + 1u) % BUFFERS;
      if (!AHEAD) { block = fetch(lane, 0u, origin0, m, n, next, last); }
      keep(lane, 0u, buffer, block);
      if (IS_TWO) { keep(lane, WG, buffer, fetch(lane, WG, origin1, m, n, next, last)); }
    }
    workgroupBarrier();
  }

  store(part, m + 4u * y, n + 4u * x, sums.c00);
  if (COLS > 1u) { store(part, m + 4u * y, n + 4u * (x + X), sums.c01); }
  if (ROWS > 1u) {
    store(part, m + 4u * (y + Y), n + 4u * x, sums.c10);
    if (COLS > 1u) { store(part, m + 4u * (y + Y), n + 4u * (x + X), sums.c11); }
  }
}
