// c[z] = epilogue(a[z] · b[z]) for processors: one invocation 16 rows × 4 COLS columns of c, accumulators in registers,
// eight invocations side by side along the columns, no workgroup memory (slow there).
// Needs: params.wgsl, multiply_add.wgsl, an operands_*.wgsl with its load_*.wgsl, an epilogue_*.wgsl
const LANES: u32 = 8u;
const COLS: u32 = 4u; // 1, 2 or 4 blocks of four columns an invocation, LANES blocks apart

@compute @workgroup_size(LANES)
fn forward(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let m = params.m0 + group.y * 16u;
  let n = (group.x * LANES * COLS + lane) * 4u;
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
  for (var k = first; k < last; k += 4u) {
    let x0 = block_a(a0, m, k);
    let x1 = block_a(a0, m + 4u, k);
    let x2 = block_a(a0, m + 8u, k);
    let x3 = block_a(a0, m + 12u, k);
    let y0 = block_b(b0, k, n);
    c00 = multiply_add(c00, x0, y0);
    c10 = multiply_add(c10, x1, y0);
    c20 = multiply_add(c20, x2, y0);
    c30 = multiply_add(c30, x3, y0);
    if (COLS > 1u) {
      let y1 = block_b(b0, k, n + 4u * LANES);
      c01 = multiply_add(c01, x0, y1);
      c11 = multiply_add(c11, x1, y1);
      c21 = multiply_add(c21, x2, y1);
      c31 = multiply_add(c31, x3, y1);
    }
    if (COLS > 2u) {
      let y2 = block_b(b0, k, n + 8u * LANES);
      let y3 = block_b(b0, k, n + 12u * LANES);
      c02 = multiply_add(c02, x0, y2);
      c12 = multiply_add(c12, x1, y2);
      c22 = multiply_add(c22, x2, y2);
      c32 = multiply_add(c32, x3, y2);
      c03 = multiply_add(c03, x0, y3);
      c13 = multiply_add(c13, x1, y3);
      c23 = multiply_add(c23, x2, y3);
      c33 = multiply_add(c33, x3, y3);
    }
  }
  store(part, m, n, c00); store(part, m + 4u, n, c10); store(part, m + 8u, n, c20); store(part, m + 12u, n, c30);
  if (COLS > 1u) {
    let n1 = n + 4u * LANES;
    store(part, m, n1, c01); store(part, m + 4u, n1, c11); store(part, m + 8u, n1, c21); store(part, m + 12u, n1, c31);
  }
  if (COLS > 2u) {
    let n2 = n + 8u * LANES;
    store(part, m, n2, c02); store(part, m + 4u, n2, c12); store(part, m + 8u, n2, c22); store(part, m + 12u, n2, c32);
    let n3 = n + 12u * LANES;
    store(part, m, n3, c03); store(part, m + 4u, n3, c13); store(part, m + 8u, n3, c23); store(part, m + 12u, n3, c33);
  }
}
