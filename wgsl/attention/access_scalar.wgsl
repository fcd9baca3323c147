// Loads and stores of attention.wgsl where DIM is not a multiple of four: one element at a time, those beyond DIM being 0.
@group(0) @binding(1) var<storage, read> q: array<Elem>;
@group(0) @binding(2) var<storage, read> kv: array<Elem>;
@group(0) @binding(3) var<storage, read> dy: array<Elem>;
@group(0) @binding(6) var<storage, read_write> y4: array<Elem>; // o, dq, or dk and dv
@group(0) @binding(7) var<storage, read> o: array<Elem>;

// The place of element j of pack d, or of the last one of the row where j is beyond it: `within` makes those 0.
fn element(row: u32, d: u32, j: u32) -> u32 { return row * DIM + min(4u * d + j, DIM - 1u); }
fn within(d: u32, value: vec4f) -> vec4f { return select(vec4f(0.0), value, 4u * d + vec4u(0u, 1u, 2u, 3u) < vec4u(DIM)); }

fn load_q(row: u32, d: u32) -> vec4f { return within(d, vec4f(f32(q[element(row, d, 0u)]), f32(q[element(row, d, 1u)]), f32(q[element(row, d, 2u)]), f32(q[element(row, d, 3u)]))); }
fn load_kv(row: u32, d: u32) -> vec4f { return within(d, vec4f(f32(kv[element(row, d, 0u)]), f32(kv[element(row, d, 1u)]), f32(kv[element(row, d, 2u)]), f32(kv[element(row, d, 3u)]))); }
fn load_dy(row: u32, d: u32) -> vec4f { return within(d, vec4f(f32(dy[element(row, d, 0u)]), f32(dy[element(row, d, 1u)]), f32(dy[element(row, d, 2u)]), f32(dy[element(row, d, 3u)]))); }
fn load_o(row: u32, d: u32) -> vec4f { return within(d, vec4f(f32(o[element(row, d, 0u)]), f32(o[element(row, d, 1u)]), f32(o[element(row, d, 2u)]), f32(o[element(row, d, 3u)]))); }

fn store_row(row: u32, d: u32, value: vec4f) {
  if (4u * d + 3u < DIM) { y4[element(row, d, 3u)] = Elem(value.w); }
  if (4u * d + 2u < DIM) { y4[element(row, d, 2u)] = Elem(value.z); }
  if (4u * d + 1u < DIM) { y4[element(row, d, 1u)] = Elem(value.y); }
  y4[element(row, d, 0u)] = Elem(value.x);
}
