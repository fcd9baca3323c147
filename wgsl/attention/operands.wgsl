// What the kernels of attention work on: their parameters and tensors, which keys a query sees, the bias, dropout. Blocks are
// four tokens by four elements of dim.
// Needs: access_vec4.wgsl or access_scalar.wgsl; lib/philox.wgsl
alias Elem = f32;
const DIM: u32 = 64u;
const DIM4: u32 = (DIM + 3u) / 4u;
const DROPOUT: bool = false;
const BIASED: bool = false;
alias BiasElem = f32;
// True where a query sees only some of the keys around its own place.
const LOCAL: bool = false;
// Queries, or keys, that an invocation or a workgroup computes together; a multiple of four.
const TOKENS: u32 = 4u;
const LOWEST: f32 = -3.4028234e38;

// `count` times TOKENS queries, or keys: `blocks` of them a head of a sample. A token has `q_parts` rows of heads
// in the tensor of q, which is the first of them, and `kv_parts` in that of k and v, which are the last two. Where LOCAL, a
// query sees the keys from `behind` before its own place to `ahead` after it. Of `biases` samples each has a bias of its
// own: all of them, or one that serves all.
struct Params { count: u32, blocks: u32, batch: u32, heads: u32, queries: u32, keys: u32, q_parts: u32, kv_parts: u32, masked: u32, ahead: u32, behind: u32, biases: u32, scale: f32, key0: u32, key1: u32, layer: u32, step: u32, threshold: u32, factor: f32 }
@group(0) @binding(0) var<uniform> params: Params;

@group(0) @binding(4) var<storage, read> mask: array<u32>; // [batch, keys], 0 for keys to leave out
// lse and Σ do o of every block of four queries.
@group(0) @binding(5) var<storage, read_write> stats: array<vec4f>; // [batch, heads, blocks, 2]
@group(0) @binding(8) var<storage, read> bias: array<BiasElem>; // [biases, heads, queries, keys]

// TOKENS queries or keys of a head of a sample, from `first` on.
struct Place { batch: u32, head: u32, first: u32 }
fn place_of(id: u32) -> Place {
  let pair = id / params.blocks;
  return Place(pair / params.heads, pair % params.heads, id % params.blocks * TOKENS);
}
// Rows of dim elements; those beyond the last query or key repeat it.
fn query_of(at: Place, query: u32) -> u32 { return at.batch * params.queries + min(query, params.queries - 1u); }
fn key_of(at: Place, key: u32) -> u32 { return at.batch * params.keys + min(key, params.keys - 1u); }
fn o_row(at: Place, query: u32) -> u32 { return query_of(at, query) * params.heads + at.head; }
fn q_row(at: Place, query: u32) -> u32 { return query_of(at, query) * params.q_parts * params.heads + at.head; }
fn k_row(at: Place, key: u32) -> u32 { return (key_of(at, key) * params.kv_parts + params.kv_parts - 2u) * params.heads + at.head; }
fn v_row(at: Place, key: u32) -> u32 { return k_row(at, key) + params.heads; }
// The index into stats of the four queries from `query` on.
fn stats_of(at: Place, query: u32) -> u32 {
  return 2u * ((at.batch * params.heads + at.head) * ((params.queries + 3u) / 4u) + query / 4u);
}

// `total` with what four elements of dim add to Σ do o, of a row of o. The sum is that of do v, operation by operation: where a
// query attends to one key alone, o is its v, and the gradient of the score comes out as the zero that it is.
fn add_delta(total: f32, row: u32, d: u32) -> f32 {
  let a = load_dy(row, d);
  let b = load_o(row, d);
  return fma(a.w, b.w, fma(a.z, b.z, fma(a.y, b.y, fma(a.x, b.x, total))));
}
fn delta_of(row: u32) -> f32 {
  var total = 0.0;
  for (var d = 0u; d < DIM4; d++) { total = add_delta(total, row, d); }
  return total;
}

// True for those of four keys that exist and are not masked.
fn kept_keys(at: Place, key: u32) -> vec4<bool> {
  let keys = vec4u(key, key + 1u, key + 2u, key + 3u);
  let inside = keys < vec4u(params.keys);
  if (params.masked == 0u) { return inside; }
  let i = at.batch * params.keys + min(keys, vec4u(params.keys - 1u));
  return inside & (vec4u(mask[i.x], mask[i.y], mask[i.z], mask[i.w]) != vec4u(0u));
}

// True for those of four keys that a query sees from its place, existing or not.
fn seen(query: u32, key: u32) -> vec4<bool> {
  if (!LOCAL) { return vec4<bool>(true); }
  let keys = vec4u(key, key + 1u, key + 2u, key + 3u);
  return (keys <= vec4u(query + params.ahead)) & (keys + params.behind >= vec4u(query));
}
// The keys that TOKENS queries from `first` on see lie in the fours that begin from x up to, but not including, y.
fn keys_seen(first: u32) -> vec2u {
  if (!LOCAL) { return vec2u(0u, params.keys); }
  return vec2u((first - min(first, params.behind)) / 4u * 4u, min(params.keys, first + TOKENS + params.ahead));
}
// And the queries that see any of TOKENS keys.
fn queries_seeing(first: u32) -> vec2u {
  if (!LOCAL) { return vec2u(0u, params.queries); }
  return vec2u((first - min(first, params.ahead)) / 4u * 4u, min(params.queries, first + TOKENS + params.behind));
}

// The place of four keys of one query in a bias.
fn bias_at(at: Place, query: u32, key: u32) -> vec4u {
  let row = ((at.batch % params.biases) * params.heads + at.head) * params.queries + min(query, params.queries - 1u);
  return row * params.keys + min(vec4u(key, key + 1u, key + 2u, key + 3u), vec4u(params.keys - 1u));
}
fn load_bias(at: Place, query: u32, key: u32) -> vec4f {
  let i = bias_at(at, query, key);
  return vec4f(f32(bias[i.x]), f32(bias[i.y]), f32(bias[i.z]), f32(bias[i.w]));
}

// The factor of dropout for four keys of one query: 0, or 1 / (1 - probability).
fn drop_factor(at: Place, query: u32, key: u32) -> vec4f {
  if (!DROPOUT) { return vec4f(1.0); }
  let row = (at.batch * params.heads + at.head) * params.queries + query;
  let kept = keep4(row * ((params.keys + 3u) / 4u) + key / 4u, vec4u(params.key0, params.key1, params.layer, params.step), params.threshold);
  return select(vec4f(0.0), vec4f(params.factor), kept);
}
fn drop_factors(at: Place, query: u32, key: u32) -> mat4x4f {
  return mat4x4f(drop_factor(at, query, key), drop_factor(at, query + 1u, key), drop_factor(at, query + 2u, key), drop_factor(at, query + 3u, key));
}

fn block_q(at: Place, query: u32, d: u32) -> mat4x4f {
  return mat4x4f(load_q(q_row(at, query), d), load_q(q_row(at, query + 1u), d), load_q(q_row(at, query + 2u), d), load_q(q_row(at, query + 3u), d));
}
fn block_k(at: Place, key: u32, d: u32) -> mat4x4f {
  return mat4x4f(load_kv(k_row(at, key), d), load_kv(k_row(at, key + 1u), d), load_kv(k_row(at, key + 2u), d), load_kv(k_row(at, key + 3u), d));
}
fn block_v(at: Place, key: u32, d: u32) -> mat4x4f {
  return mat4x4f(load_kv(v_row(at, key), d), load_kv(v_row(at, key + 1u), d), load_kv(v_row(at, key + 2u), d), load_kv(v_row(at, key + 3u), d));
}
fn block_dy(at: Place, query: u32, d: u32) -> mat4x4f {
  return mat4x4f(load_dy(o_row(at, query), d), load_dy(o_row(at, query + 1u), d), load_dy(o_row(at, query + 2u), d), load_dy(o_row(at, query + 3u), d));
}

// Four rows of the output, `step` apart from `first` on, of which `count` are there.
fn store_rows(first: u32, step: u32, count: u32, d: u32, block: mat4x4f) {
  store_row(first, d, block[0]);
  if (count > 1u) { store_row(first + step, d, block[1]); }
  if (count > 2u) { store_row(first + 2u * step, d, block[2]); }
  if (count > 3u) { store_row(first + 3u * step, d, block[3]); }
}

