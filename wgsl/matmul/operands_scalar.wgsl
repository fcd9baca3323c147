// As operands_vec4.wgsl, one element a load, for stored row lengths of any size. Elements beyond the end count as 0.
alias Elem = f32;
const TRANSPOSED_A: bool = false;
const TRANSPOSED_B: bool = false;
const ADDED: bool = false; // the result is added to what c holds

@group(0) @binding(1) var<storage, read> a: array<Elem>;
@group(0) @binding(2) var<storage, read> b: array<Elem>;
@group(0) @binding(3) var<storage, read_write> c: array<Elem>;

fn element_a(start: u32, m: u32, k: u32) -> f32 {
  if (m >= params.m || k >= params.k) { return 0.0; }
  return f32(a[start + select(m * params.k + k, k * params.m + m, TRANSPOSED_A)]);
}
fn row_a(start: u32, m: u32, k: u32) -> vec4f {
  return vec4f(element_a(start, m, k), element_a(start, m, k + 1u), element_a(start, m, k + 2u), element_a(start, m, k + 3u));
}
fn block_a(start: u32, m: u32, k: u32) -> mat4x4f {
  return mat4x4f(row_a(start, m, k), row_a(start, m + 1u, k), row_a(start, m + 2u, k), row_a(start, m + 3u, k));
}

fn element_b(start: u32, k: u32, n: u32) -> f32 {
  if (k >= params.k || n >= params.n) { return 0.0; }
  return f32(b[start + select(k * params.n + n, n * params.k + k, TRANSPOSED_B)]);
}
fn row_b(start: u32, k: u32, n: u32) -> vec4f {
  return vec4f(element_b(start, k, n), element_b(start, k, n + 1u), element_b(start, k, n + 2u), element_b(start, k, n + 3u));
}
fn block_b(start: u32, k: u32, n: u32) -> mat4x4f {
  return mat4x4f(row_b(start, k, n), row_b(start, k + 1u, n), row_b(start, k + 2u, n), row_b(start, k + 3u, n));
}

fn put(i: u32, value: f32) {
  if (ADDED) { c[i] += Elem(value); } else { c[i] = Elem(value); }
}
fn store_row(z: u32, m: u32, n: u32, value: vec4f) {
  if (m >= params.m) { return; }
  let i = (z * params.m + m) * params.n + n;
  let result = epilogue(value, n / 4u, 0u);
  put(i, result.x);
  if (n + 1u < params.n) { put(i + 1u, result.y); }
  if (n + 2u < params.n) { put(i + 2u, result.z); }
  if (n + 3u < params.n) { put(i + 3u, result.w); }
}
fn store(z: u32, m: u32, n: u32, block: mat4x4f) {
  if (n >= params.n) { return; }
  store_row(z, m, n, block[0]);
  store_row(z, m + 1u, n, block[1]);
  store_row(z, m + 2u, n, block[2]);
  store_row(z, m + 3u, n, block[3]);
}
