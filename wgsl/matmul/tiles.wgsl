// c[z] = epilogue(a[z] · b[z]) for GPUs: one workgroup a 64×64 tile of c, 8×8 invocations of 8×8 elements each. A step
// brings 16 of k into workgroup memory, one 4×4 block of a and one of b an invocation.
// Needs: params.wgsl, multiply_add.wgsl, an operands_*.wgsl with its load_*.wgsl, an epilogue_*.wgsl
var<workgroup> tile_a: array<mat4x4f, 64>; // [4 blocks of k][16 blocks of rows]
var<workgroup> tile_b: array<mat4x4f, 64>; // [4 blocks of k][16 blocks of columns]

@compute @workgroup_size(64)
fn forward(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let m = params.m0 + group.y * 64u;
  let n = group.x * 64u;
  let part = params.z0 + group.z;
  let z = part / params.splits;
  let first = part % params.splits * params.depth;
  let last = min(first + params.depth, params.k);
  let a0 = z * params.stride_a;
  let b0 = z * params.stride_b;
  // This invocation's 4×4 blocks of the tile: rows y and y + 8, columns x and x + 8.
  let x = lane % 8u;
  let y = lane / 8u;

  var c00 = mat4x4f(); var c01 = mat4x4f();
  var c10 = mat4x4f(); var c11 = mat4x4f();
  for (var k0 = first; k0 < last; k0 += 16u) {
    let k = k0 + lane / 16u * 4u;
    var block_of_a = mat4x4f();
    var block_of_b = mat4x4f();
    if (k < last) {
      block_of_a = block_a(a0, m + lane % 16u * 4u, k);
      block_of_b = block_b(b0, k, n + lane % 16u * 4u);
    }
    tile_a[lane] = block_of_a;
    tile_b[lane] = block_of_b;
    workgroupBarrier();
    for (var q = 0u; q < 64u; q += 16u) {
      let a_0 = tile_a[q + y];
      let a_1 = tile_a[q + y + 8u];
      let b_0 = tile_b[q + x];
      let b_1 = tile_b[q + x + 8u];
      c00 = multiply_add(c00, a_0, b_0);
      c01 = multiply_add(c01, a_0, b_1);
      c10 = multiply_add(c10, a_1, b_0);
      c11 = multiply_add(c11, a_1, b_1);
    }
    workgroupBarrier();
  }
  store(part, m + y * 4u, n + x * 4u, c00);
  store(part, m + y * 4u, n + x * 4u + 32u, c01);
  store(part, m + y * 4u + 32u, n + x * 4u, c10);
  store(part, m + y * 4u + 32u, n + x * 4u + 32u, c11);
}
