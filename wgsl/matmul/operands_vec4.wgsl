// 4×4 blocks of a [m, k] and b [k, n], either stored as it is or transposed, and of c [m, n], four elements a load: the
// stored row lengths are multiples of four. Rows beyond the end repeat the last one, but along k they count as 0.
// Needs: load_storage.wgsl or load_texture.wgsl
alias Elem = f32;
const TRANSPOSED_A: bool = false;
const TRANSPOSED_B: bool = false;
const ADDED: bool = false; // the result is added to what c holds
const WHOLE_K: bool = false; // k is a multiple of four

@group(0) @binding(3) var<storage, read_write> c: array<vec4<Elem>>;

fn rows_along_k(k: u32, block: mat4x4f) -> mat4x4f {
  if (WHOLE_K) { return block; }
  let zero = vec4f();
  return mat4x4f(block[0], select(zero, block[1], k + 1u < params.k), select(zero, block[2], k + 2u < params.k), select(zero, block[3], k + 3u < params.k));
}

fn block_a(start: u32, m: u32, k: u32) -> mat4x4f {
  if (TRANSPOSED_A) {
    let stride = params.m / 4u;
    let at = start / 4u + min(m / 4u, stride - 1u);
    let end = params.k - 1u;
    return transpose(rows_along_k(k, mat4x4f(
      load_a(at + k * stride), load_a(at + min(k + 1u, end) * stride),
      load_a(at + min(k + 2u, end) * stride), load_a(at + min(k + 3u, end) * stride))));
  }
  let stride = params.k / 4u;
  let at = start / 4u + k / 4u;
  let end = params.m - 1u;
  return mat4x4f(
    load_a(at + min(m, end) * stride), load_a(at + min(m + 1u, end) * stride),
    load_a(at + min(m + 2u, end) * stride), load_a(at + min(m + 3u, end) * stride));
}

fn block_b(start: u32, k: u32, n: u32) -> mat4x4f {
  if (TRANSPOSED_B) {
    let stride = params.k / 4u;
    let at = start / 4u + k / 4u;
    let end = params.n - 1u;
    return transpose(mat4x4f(
      load_b(at + min(n, end) * stride), load_b(at + min(n + 1u, end) * stride),
      load_b(at + min(n + 2u, end) * stride), load_b(at + min(n + 3u, end) * stride)));
  }
  let stride = params.n / 4u;
  let at = start / 4u + min(n / 4u, stride - 1u);
  let end = params.k - 1u;
  return rows_along_k(k, mat4x4f(
    load_b(at + k * stride), load_b(at + min(k + 1u, end) * stride),
    load_b(at + min(k + 2u, end) * stride), load_b(at + min(k + 3u, end) * stride)));
}

fn store_row(z: u32, m: u32, n: u32, value: vec4f) {
  if (m >= params.m) { return; }
  let i = ((z * params.m + m) * params.n + n) / 4u;
  let result = vec4<Elem>(epilogue(value, n / 4u, i));
  if (ADDED) { c[i] += result; } else { c[i] = result; }
}
fn store(z: u32, m: u32, n: u32, block: mat4x4f) {
  if (n >= params.n) { return; }
  store_row(z, m, n, block[0]);
  store_row(z, m + 1u, n, block[1]);
  store_row(z, m + 2u, n, block[2]);
  store_row(z, m + 3u, n, block[3]);
}
