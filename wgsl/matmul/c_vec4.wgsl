// Stores blocks of c [m, n] one vec4 at a time, and loads the partial products that join.wgsl adds up.
// Needs: params.wgsl, an address_*.wgsl, an epilogue_*.wgsl
const ADDED: bool = false; // the result is added to what c holds
@group(0) @binding(3) var<storage, read_write> c: array<vec4<Result>>;
@group(0) @binding(6) var<storage, read> parts: array<vec4f>;

fn load_part(i: u32) -> vec4f { return parts[i / 4u]; }

fn store_row(z: u32, m: u32, n: u32, value: vec4f, bias4: vec4f) {
  if (m >= params.m) { return; }
  let i = address(z, m, n) / 4u;
  let result = vec4<Result>(epilogue(value, bias4, i));
  if (ADDED) { c[i] += result; } else { c[i] = result; }
}
fn store(z: u32, m: u32, n: u32, block: mat4x4f) {
  if (n >= params.n) { return; }
  let bias4 = addend(column(z, n) / 4u);
  store_row(z, m, n, block[0], bias4);
  store_row(z, m + 1u, n, block[1], bias4);
  store_row(z, m + 2u, n, block[2], bias4);
  store_row(z, m + 3u, n, block[3], bias4);
}
