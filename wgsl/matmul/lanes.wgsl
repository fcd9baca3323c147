// c[z] = epilogue(a[z] · b[z]) for processors: one invocation computes 4 ROWS rows × 4 COLS columns of c in registers, eight
// invocations stand side by side along the columns, and no workgroup memory is used, which is slow there.
// Needs: params.wgsl, multiply_add.wgsl, a_block.wgsl; for each of a, b and c its _vec4.wgsl or _scalar.wgsl; pair.wgsl or
// pair_subgroup.wgsl; an epilogue_*.wgsl, a sums_*.wgsl
const WG: u32 = 8u; // pair_subgroup.wgsl works for no other number
const ROWS: u32 = 4u; // 2, 4 or 6 blocks of four rows an invocation
const COLS: u32 = 4u; // 1, 2 or 4 blocks of four columns, eight blocks apart

// Stores a column of blocks, one a turn, the others moving up. Stores are most of a kernel's code: written out for every
// block, they compile twice as long and run no faster. The number of turns is no constant, or the loop would be unrolled.
fn store_column(part: u32, m: u32, n: u32, c0: mat4x4f, c1: mat4x4f, c2: mat4x4f, c3: mat4x4f, c4: mat4x4f, c5: mat4x4f) {
  var block = c0; var next1 = c1; var next2 = c2; var next3 = c3; var next4 = c4; var next5 = c5;
  let end = min(m + 4u * ROWS, params.m);
  for (var row = m; row < end; row += 4u) {
    store(part, row, n, block);
    block = next1; next1 = next2; next2 = next3; next3 = next4; next4 = next5;
  }
}

fn sums_of(x: mat4x4f) -> vec4f {
  let columns = transpose(x);
  return columns[0] + columns[1] + columns[2] + columns[3];
}

@compute @workgroup_size(WG)
fn forward(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let m = params.m0 + group.y * 4u * ROWS;
  let n = (group.x * WG * COLS + lane) * 4u;
  let part = params.z0 + group.z;
  let z = part / params.splits;
  let first = part % params.splits * params.depth;
  let last = min(first + params.depth, params.k);
  let a0 = z * params.stride_a;
  let b0 = z * params.stride_b;

  var c00 = mat4x4f(); var c01 = mat4x4f(); var c02 = mat4x4f(); var c03 = mat4x4f();
  var c10 = mat4x4f(); var c11 = mat4x4f(); var c12 = mat4x4f(); var c13 = mat4x4f();
  var c20 = mat4x4f(); var c21 = mat4x4f(); var c22 = mat4x4f(); var c23 = mat4x4f();
  var c30 = mat4x4f(); var c31 = mat4x4f(); var c32 = mat4x4f(); var c33 = mat4x4f();
  var c40 = mat4x4f(); var c41 = mat4x4f(); var c42 = mat4x4f(); var c43 = mat4x4f();
  var c50 = mat4x4f(); var c51 = mat4x4f(); var c52 = mat4x4f(); var c53 = mat4x4f();
  var s0 = vec4f(); var s1 = vec4f(); var s2 = vec4f(); var s3 = vec4f(); var s4 = vec4f(); var s5 = vec4f();
  let sums_rows = SUMMED && group.x == 0u;
  for (var k = first; k < last; k += 4u) {
    let x01 = pair_a(a0, m, k, lane);
    let x0 = x01[0]; let x1 = x01[1];
    var x2 = mat4x4f(); var x3 = mat4x4f(); var x4 = mat4x4f(); var x5 = mat4x4f();
    if (ROWS > 2u) { let x23 = pair_a(a0, m + 8u, k, lane); x2 = x23[0]; x3 = x23[1]; }
    if (ROWS > 4u) { let x45 = pair_a(a0, m + 16u, k, lane); x4 = x45[0]; x5 = x45[1]; }
    if (sums_rows) {
      s0 += sums_of(x0); s1 += sums_of(x1);
      if (ROWS > 2u) { s2 += sums_of(x2); s3 += sums_of(x3); }
      if (ROWS > 4u) { s4 += sums_of(x4); s5 += sums_of(x5); }
    }
    let y0 = block_b(b0, k, n);
    c00 = multiply_add(c00, x0, y0); c10 = multiply_add(c10, x1, y0);
    if (ROWS > 2u) { c20 = multiply_add(c20, x2, y0); c30 = multiply_add(c30, x3, y0); }
    if (ROWS > 4u) { c40 = multiply_add(c40, x4, y0); c50 = multiply_add(c50, x5, y0); }
    if (COLS > 1u) {
      let y1 = block_b(b0, k, n + 4u * WG);
      c01 = multiply_add(c01, x0, y1); c11 = multiply_add(c11, x1, y1);
      if (ROWS > 2u) { c21 = multiply_add(c21, x2, y1); c31 = multiply_add(c31, x3, y1); }
      if (ROWS > 4u) { c41 = multiply_add(c41, x4, y1); c51 = multiply_add(c51, x5, y1); }
    }
    if (COLS > 2u) {
      let y2 = block_b(b0, k, n + 8u * WG);
      let y3 = block_b(b0, k, n + 12u * WG);
      c02 = multiply_add(c02, x0, y2); c12 = multiply_add(c12, x1, y2);
      if (ROWS > 2u) { c22 = multiply_add(c22, x2, y2); c32 = multiply_add(c32, x3, y2); }
      if (ROWS > 4u) { c42 = multiply_add(c42, x4, y2); c52 = multiply_add(c52, x5, y2); }
      c03 = multiply_add(c03, x0, y3); c13 = multiply_add(c13, x1, y3);
      if (ROWS > 2u) { c23 = multiply_add(c23, x2, y3); c33 = multiply_add(c33, x3, y3); }
      if (ROWS > 4u) { c43 = multiply_add(c43, x4, y3); c53 = multiply_add(c53, x5, y3); }
    }
  }
  if (sums_rows && lane == 0u) {
    add_sums(m, s0); add_sums(m + 4u, s1);
    if (ROWS > 2u) { add_sums(m + 8u, s2); add_sums(m + 12u, s3); }
    if (ROWS > 4u) { add_sums(m + 16u, s4); add_sums(m + 20u, s5); }
  }
  let end = min(n + 4u * WG * COLS, params.n);
  for (var column = n; column < end; column += 4u * WG) { // the next column of blocks becomes the first
    store_column(part, m, column, c00, c10, c20, c30, c40, c50);
    c00 = c01; c10 = c11; c20 = c21; c30 = c31; c40 = c41; c50 = c51;
    c01 = c02; c11 = c12; c21 = c22; c31 = c32; c41 = c42; c51 = c52;
    c02 = c03; c12 = c13; c22 = c23; c32 = c33; c42 = c43; c52 = c53;
  }
}
