// found[s] = x y + u v by each subgroup s of two, in all ways in which kernels load subgroup matrices from workgroup memory:
// x [M, K] and v [K, N] lie row by row in part s of the values, y [K, N] and u [M, K] column by column in part s + 1, and
// element i of part p is (5i + 3p) mod 11 - 5. The last number is how many lanes a subgroup has.
alias Elem = f16;
const M: u32 = 8u;
const N: u32 = 8u;
const K: u32 = 8u;
const SUBGROUP: u32 = 32u; // lanes
const SIZE: u32 = max(M, N) * K;
@group(0) @binding(0) var<storage, read_write> found: array<f32>; // [2, M, N], 1
var<workgroup> values: array<Elem, 3u * SIZE>;

fn element(p: u32, i: u32) -> Elem { return Elem((5u * i + 3u * p) % 11u) - 5.0h; }

@compute @workgroup_size(2u * SUBGROUP) @subgroup_size(SUBGROUP)
fn probe(@builtin(local_invocation_index) lane: u32, @builtin(subgroup_id) s: u32, @builtin(subgroup_size) size: u32) {
  for (var i = lane; i < 3u * SIZE; i += 2u * SUBGROUP) { values[i] = element(i / SIZE, i % SIZE); }
  workgroupBarrier();
  let x = subgroupMatrixLoad<subgroup_matrix_left<Elem, K, M>, row_major>(&values, s * SIZE, K);
  let y = subgroupMatrixLoad<subgroup_matrix_right<Elem, N, K>, col_major>(&values, (s + 1u) * SIZE, K);
  let u = subgroupMatrixLoad<subgroup_matrix_left<Elem, K, M>, col_major>(&values, (s + 1u) * SIZE, M);
  let v = subgroupMatrixLoad<subgroup_matrix_right<Elem, N, K>, row_major>(&values, s * SIZE, N);
  let xy = subgroupMatrixMultiplyAccumulate(x, y, subgroup_matrix_result<f32, N, M>());
  subgroupMatrixStore<row_major>(&found, s * M * N, subgroupMatrixMultiplyAccumulate(u, v, xy), N);
  if (lane == 0u) { found[2u * M * N] = f32(size); }
}
