// c[z] = epilogue(a[z] · b[z]) by matrix units, for operands of f16: one workgroup a tile of c, TILE_M × TILE_N, as a sum over
// steps along k of
//   tile += a[TILE_M, STEP] · b[STEP, TILE_N],
// the two slices being brought into workgroup memory once and read from there by every subgroup. A subgroup computes ROWS × COLS
// matrices of M × N in f32, as sums of products of M × K by K × N. As in tiles.wgsl, the next slices are loaded into registers
// before that and written to workgroup memory after it: with two buffers to other memory than is being read, so that one
// barrier a step is enough.
//
// Both slices lie along k, whatever the order of the operands in memory, since a lane holds pieces of rows of a and of columns
// of b; a gap behind each moves the next to other banks. They come as blocks of 4×4, one or two of each an invocation. Results
// pass through workgroup memory, behind which lanes know what they store.
// Needs: params.wgsl, a_block.wgsl; for each of a, b and c its _vec4.wgsl or _scalar.wgsl; an epilogue_*.wgsl, a tile_sums_*.wgsl
const M: u32 = 16u;
const N: u32 = 16u;
const K: u32 = 16u;
const SUBGROUP: u32 = 32u; // lanes
const TILE_M: u32 = 128u;
const TILE_N: u32 = 128u;
const ROWS: u32 = 4u; // 1, 2 or 4 matrices, one below the other
const COLS: u32 = 4u; // 1, 2 or 4 matrices, side by side
const STEP: u32 = 32u; // a multiple of K
const BUFFERS: u32 = 1u; // 1 or 2
const WHOLE_STEPS: bool = false; // all parts of k are whole steps

const X: u32 = TILE_N / (N * COLS); // subgroups side by side
const SUBGROUPS: u32 = X * TILE_M / (M * ROWS);
const WG: u32 = SUBGROUPS * SUBGROUP;
const SLABS: u32 = STEP / 4u; // blocks of a slice along k
const BLOCKS_A: u32 = SLABS * TILE_M / 4u;
const BLOCKS_B: u32 = SLABS * TILE_N / 4u;
// In vec4s:
const LENGTH: u32 = SLABS + 2u; // of a row or a column in a slice, with the gap
const WIDTH: u32 = COLS * N / 4u; // of a subgroup's results
const OWN: u32 = max(M * WIDTH, SUBGROUP); // of a subgroup, which may have more lanes than results

alias Left = subgroup_matrix_left<f16, K, M>;
alias Right = subgroup_matrix_right<f16, N, K>;
alias Sum = subgroup_matrix_result<f32, N, M>;

var<workgroup> slice_a: array<vec4h, BUFFERS * TILE_M * LENGTH>; // rows
var<workgroup> slice_b: array<vec4h, BUFFERS * TILE_N * LENGTH>; // columns
var<workgroup> results: array<vec4f, SUBGROUPS * OWN>; // of each subgroup, a row of matrices

// For tile_sums_rows.wgsl: what a strip along k adds up to in a block of four rows.
fn keep_strip(strip: u32, block: u32, sums: vec4f) { results[strip * (TILE_M / 4u) + block] = sums; }
fn strip_of(strip: u32, block: u32) -> vec4f { return results[strip * (TILE_M / 4u) + block]; }

// What an invocation brings of both slices.
struct Blocks { a0: mat4x4h, a1: mat4x4h, b0: mat4x4h, b1: mat4x4h }

// The block of a slice, along k and along m or n, that has number i in the order of the operand in memory.
fn block_of(i: u32, length: u32, along_k: bool) -> vec2u {
  return select(vec2u(i / length, i % length), vec2u(i % SLABS, i / SLABS), along_k);
}

// A block, or zeros beyond the end of a part of k. Chosen, not branched to, so that no load waits for another.
fn up_to(inside: bool, block: mat4x4h) -> mat4x4h {
  if (WHOLE_STEPS) { return block; }
  let zero = vec4h();
  return mat4x4h(select(zero, block[0], inside), select(zero, block[1], inside), select(zero, block[2], inside), select(zero, block[3], inside));
}

fn fetch_a(i: u32, start: u32, m: u32, k: u32, last: u32) -> mat4x4h {
  let block = block_of(i, TILE_M / 4u, !TRANSPOSED_A);
  let at = k + 4u * block.x;
  return up_to(at < last, mat4x4h(block_a(start, m + 4u * block.y, at)));
}
fn fetch_b(i: u32, start: u32, n: u32, k: u32, last: u32) -> mat4x4h {
  let block = block_of(i, TILE_N / 4u, TRANSPOSED_B);
  let at = k + 4u * block.x;
  return up_to(at < last, mat4x4h(transpose(block_b(start, at, n + 4u * block.y))));
}
fn fetch(lane: u32, a0: u32, b0: u32, m: u32, n: u32, k: u32, last: u32) -> Blocks {
  var blocks = Blocks();
  blocks.a0 = fetch_a(lane, a0, m, k, last);
  if (BLOCKS_A > WG) { blocks.a1 = fetch_a(lane + WG, a0, m, k, last); }
  blocks.b0 = fetch_b(lane, b0, n, k, last);
  if (BLOCKS_B > WG) { blocks.b1 = fetch_b(lane + WG, b0, n, k, last); }
  return blocks;
}

fn keep_a(i: u32, buffer: u32, value: mat4x4h) {
  if (BLOCKS_A % WG != 0u && i >= BLOCKS_A) { return; }
  let block = block_of(i, TILE_M / 4u, !TRANSPOSED_A);
  let at = (buffer * TILE_M + 4u * block.y) * LENGTH + block.x;
  slice_a[at] = value[0];
  slice_a[at + LENGTH] = value[1];
  slice_a[at + 2u * LENGTH] = value[2];
  slice_a[at + 3u * LENGTH] = value[3];
}
fn keep_b(i: u32, buffer: u32, value: mat4x4h) {
  if (BLOCKS_B % WG != 0u && i >= BLOCKS_B) { return; }
  let block = block_of(i, TILE_N / 4u, TRANSPOSED_B);
  let at = (buffer * TILE_N + 4u * block.y) * LENGTH + block.x;
  slice_b[at] = value[0];
  slice_b[at + LENGTH] = value[1];
  slice_b[at + 2u * LENGTH] = value[2];
  slice_b[at + 3u * LENGTH] = value[3];
}
fn keep(lane: u32, buffer: u32, blocks: Blocks) {
  keep_a(lane, buffer, blocks.a0);
  if (BLOCKS_A > WG) { keep_a(lane + WG, buffer, blocks.a1); }
  keep_b(lane, buffer, blocks.b0);
  if (BLOCKS_B > WG) { keep_b(lane + WG, buffer, blocks.b1); }
}

@compute @workgroup_size(WG) @subgroup_size(SUBGROUP)
fn forward(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) lane: u32,
  @builtin(subgroup_id) subgroup: u32,
  @builtin(subgroup_invocation_id) own_lane: u32,
) {
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

  var next = fetch(lane, a0, b0, m, n, first, last);
  keep(lane, 0u, next);
  workgroupBarrier();

  var c00 = Sum(); var c01 = Sum(); var c02 = Sum(); var c03 = Sum();
  var c10 = Sum(); var c11 = Sum(); var c12 = Sum(); var c13 = Sum();
  var c20 = Sum(); var c21 = Sum(); var c22 = Sum(); var c23 = Sum();
  var c30 = Sum(); var c31 = Sum(); var c32 = Sum(); var c33 = Sum();
  let own_m = subgroup / X * ROWS * M;
  let own_n = subgroup % X * COLS * N;
  var buffer = 0u;
  for (var k = first; k < last; k += STEP) {
    let goes_on = k + STEP < last;
    if (goes_on) { next = fetch(lane, a0, b0, m, n, k + STEP, last); }
    for (var slab = 0u; slab < SLABS; slab += K / 4u) {
      let at_a = (buffer * TILE_M + own_m) * LENGTH + slab;
      let at_b = (buffer * TILE_N + own_n) * LENGTH + slab;
      let y0 = subgroupMatrixLoad<Right, col_major>(&slice_b, at_b, LENGTH);
      var y1 = y0; var y2 = y0; var y3 = y0;
      if (COLS > 1u) { y1 = subgroupMatrixLoad<Right, col_major>(&slice_b, at_b + N * LENGTH, LENGTH); }
      if (COLS > 2u) {
        y2 = subgroupMatrixLoad<Right, col_major>(&slice_b, at_b + 2u * N * LENGTH, LENGTH);
        y3 = subgroupMatrixLoad<Right, col_major>(&slice_b, at_b + 3u * N * LENGTH, LENGTH);
      }
      let x0 = subgroupMatrixLoad<Left, row_major>(&slice_a, at_a, LENGTH);
      c00 = subgroupMatrixMultiplyAccumulate(x0, y0, c00);
      if (COLS > 1u) { c01 = subgroupMatrixMultiplyAccumulate(x0, y1, c01); }
      if (COLS > 2u) { c02 = subgroupMatrixMultiplyAccumulate(x0, y2, c02); c03 = subgroupMatrixMultiplyAccumulate(x0, y3, c03); }
      if (ROWS > 1u) {
        let x1 = subgroupMatrixLoad<Left, row_major>(&slice_a, at_a + M * LENGTH, LENGTH);
        c10 = subgroupMatrixMultiplyAccumulate(x1, y0, c10);
        if (COLS > 1u) { c11 = subgroupMatrixMultiplyAccumulate(x1, y1, c11); }
        if (COLS > 2u) { c12 = subgroupMatrixMultiplyAccumulate(x1, y2, c12); c13 = subgroupMatrixMultiplyAccumulate(x1, y3, c13); }
      }
      if (ROWS > 2u) {
        let x2 = subgroupMatrixLoad<Left, row_major>(&slice_a, at_a + 2u * M * LENGTH, LENGTH);
        c20 = subgroupMatrixMultiplyAccumulate(x2, y0, c20);
        if (COLS > 1u) { c21 = subgroupMatrixMultiplyAccumulate(x2, y1, c21); }
        if (COLS > 2u) { c22 = subgroupMatrixMultiplyAccumulate(x2, y2, c22); c23 = subgroupMatrixMultiplyAccumulate(x2, y3, c23); }
        let x3 = subgroupMatrixLoad<Left, row_major>(&slice_a, at_a + 3u * M * LENGTH, LENGTH);
        c30 = subgroupMatrixMultiplyAccumulate(x3, y0, c30);
        if (COLS > 1u) { c31 = subgroupMatrixMultiplyAccumulate(x3, y1, c31); }
        if (COLS > 2u) { c32 = subgroupMatrixMultiplyAccumulate(x3, y2, c32); c33 = subgroupMatrixMultiplyAccumulate(x3, y3, c33); }
      }
    }
    if (BUFFERS == 1u) { workgroupBarrier(); }
    if (goes_on) {
      buffer = (buffer + 1u) % BUFFERS;
      keep(lane, buffer, next);
    }
    workgroupBarrier();
  }

  // One row of matrices a turn, the others moving up.
  let own_results = subgroup * OWN;
  for (var r = 0u; r < ROWS; r++) {
    subgroupMatrixStore<row_major>(&results, own_results, c00, WIDTH);
    if (COLS > 1u) { subgroupMatrixStore<row_major>(&results, own_results + N / 4u, c01, WIDTH); }
    if (COLS > 2u) {
      subgroupMatrixStore<row_major>(&results, own_results + N / 2u, c02, WIDTH);
      subgroupMatrixStore<row_major>(&results, own_results + 3u * N / 4u, c03, WIDTH);
    }
    workgroupBarrier();
    for (var i = own_lane; i < M * WIDTH; i += SUBGROUP) {
      let at_m = m + own_m + r * M + i / WIDTH;
      let at_n = n + own_n + i % WIDTH * 4u;
      if (at_n < params.n) { store_row(part, at_m, at_n, results[own_results + i], addend(column(part, at_n) / 4u)); }
    }
    workgroupBarrier();
    c00 = c10; c01 = c11; c02 = c12; c03 = c13;
    c10 = c20; c11 = c21; c12 = c22; c13 = c23;
    c20 = c30; c21 = c31; c22 = c32; c23 = c33;
  }
}
