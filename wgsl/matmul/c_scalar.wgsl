// Stores blocks of c [m, n] one element at a time, for rows of any length, and loads the partial products that join.wgsl
// adds up. Epilogues get no place in c: those that keep something need rows of whole vec4s.
// Needs: params.wgsl, an address_*.wgsl, an epilogue_*.wgsl
const ADDED: bool = false; // the result is added to what c holds
@group(0) @binding(3) var<storage, read_write> c: array<Result>;
@group(0) @binding(6) var<storage, read> parts: array<f32>;

fn load_part(i: u32) -> vec4f { return vec4f(parts[i], parts[i + 1u], parts[i + 2u], parts[i + 3u]); }

fn put(i: u32, value: f32) {
  if (ADDED) { c[i] += Result(value); } else { c[i] = Result(value); }
}
fn store_row(z: u32, m: u32, n: u32, value: vec4f, bias4: vec4f) {
  if (m >= params.m) { return; }
  let i = address(z, m, n);
  let result = epilogue(value, bias4, 0u);
  put(i, result.x);
  if (n + 1u < params.n) { put(i + 1u, result.y); }
  if (n + 2u < params.n) { put(i + 2u, result.z); }
  if (n + 3u < params.n) { put(i + 3u, result.w); }
}
fn store(z: u32, m: u32, n: u32, block: mat4x4f) {
  if (n >= params.n) { return; }
  let bias4 = addend(column(z, n) / 4u);
  store_row(z, m, n, block[0], bias4);
  store_row(z, m + 1u, n, block[1], bias4);
  store_row(z, m + 2u, n, block[2], bias4);
  store_row(z, m + 3u, n, block[3], bias4);
}
