// Attention on GPUs: what forward, grad_q and grad_kv share. A workgroup computes TOKENS rows of a result (queries, or keys in
// grad_kv) for all of dim, and goes over the other tokens (the columns of the matrix of scores) tile by tile, 4 TILE4 of them.
// All products are sums over slabs, STEP deep, of outer products, both sides read from workgroup memory:
//   scores   [TOKENS, columns] += left [TOKENS, STEP of dim] · right [STEP of dim, columns]
//   results  [TOKENS, dim]     += weights [TOKENS, STEP of the columns] · right [STEP of the columns, dim]
// where weights holds what became of the scores of the tile. An invocation (x, y) has the rows 4y.., and with BLOCKS = 2 also
// 4(y + Y).., and the columns, or elements of dim, 4x..: its sums are in registers, 16 or 32 for each matrix. 32 invocations
// in a row are 8 wide and 4 high (4 and 8 with one block), and together read few different vec4s.
// X invocations lie side by side, a multiple of four and no fewer than DIM4; TILE4 is at least X / 4 and at most X, and where it
// is less, some invocations wait while the others compute scores.
// Needs: operands.wgsl; four_ and load_ rows, columns and weighted, which say what is multiplied
const WG: u32 = 64u;
const BLOCKS: u32 = 2u; // 1 or 2 blocks of four rows an invocation
const STEP: u32 = 16u; // 4, 8 or 16
const TILE4: u32 = 16u; // a multiple of STEP / 4

const TOKENS4: u32 = TOKENS / 4u; // fours of rows
const Y: u32 = TOKENS4 / BLOCKS;
const X: u32 = WG / Y;
const SLABS: u32 = STEP / 4u; // vec4s of a row, or fours of columns, in a slab

// Row 4 i + j of a slab is [j][i] here, and a row has two vec4s more than are used: so neighbours who write four rows below each
// other meet different banks.
var<workgroup> left: array<array<array<vec4f, TOKENS4 + 2u>, SLABS>, 4>; // [4, STEP / 4, rows / 4]
var<workgroup> right: array<array<array<vec4f, X + 2u>, SLABS>, 4>; // [4, STEP / 4, columns / 4]
var<workgroup> weights: array<array<array<vec4f, TOKENS4>, 4>, TILE4>; // [columns / 4, 4, rows / 4]

// Values of an invocation's rows.
struct Rows { upper: vec4f, lower: vec4f }
// Those of its rows and four columns: upper[j] holds its first four rows of column j, lower[j] the other four.
struct Sums { upper: mat4x4f, lower: mat4x4f }

fn outer(c: mat4x4f, a: vec4f, b: vec4f) -> mat4x4f {
  return mat4x4f(fma(a, vec4f(b.x), c[0]), fma(a, vec4f(b.y), c[1]), fma(a, vec4f(b.z), c[2]), fma(a, vec4f(b.w), c[3]));
}
fn scaled(s: Sums, by: Rows) -> Sums {
  return Sums(
    mat4x4f(s.upper[0] * by.upper, s.upper[1] * by.upper, s.upper[2] * by.upper, s.upper[3] * by.upper),
    mat4x4f(s.lower[0] * by.lower, s.lower[1] * by.lower, s.lower[2] * by.lower, s.lower[3] * by.lower));
}

// One step of a slab. Drivers see constants in the place of i and j, and addresses that differ by constants.
fn add_scores(s: Sums, i: u32, j: u32, x: u32, y: u32) -> Sums {
  let b = right[j][i][x];
  let upper = outer(s.upper, left[j][i][y], b);
  if (BLOCKS == 1u) { return Sums(upper, s.lower); }
  return Sums(upper, outer(s.lower, left[j][i][y + Y], b));
}
fn add_scores4(before: Sums, i: u32, x: u32, y: u32) -> Sums {
  var s = add_scores(before, i, 0u, x, y);
  s = add_scores(s, i, 1u, x, y);
  s = add_scores(s, i, 2u, x, y);
  return add_scores(s, i, 3u, x, y);
}
fn add_weighted(s: Sums, slab: u32, i: u32, j: u32, x: u32, y: u32) -> Sums {
  let b = right[j][i][x];
  let upper = outer(s.upper, weights[slab * SLABS + i][j][y], b);
  if (BLOCKS == 1u) { return Sums(upper, s.lower); }
  return Sums(upper, outer(s.lower, weights[slab * SLABS + i][j][y + Y], b));
}
fn add_weighted4(before: Sums, slab: u32, i: u32, x: u32, y: u32) -> Sums {
  var s = add_weighted(before, slab, i, 0u, x, y);
  s = add_weighted(s, slab, i, 1u, x, y);
  s = add_weighted(s, slab, i, 2u, x, y);
  return add_weighted(s, slab, i, 3u, x, y);
}

// A whole slab, written out: drivers do not unroll the loops that they are given here.
fn add_score_slab(before: Sums, x: u32, y: u32) -> Sums {
  var s = add_scores4(before, 0u, x, y);
  if (SLABS > 1u) { s = add_scores4(s, 1u, x, y); }
  if (SLABS > 2u) { s = add_scores4(s, 2u, x, y); s = add_scores4(s, 3u, x, y); }
  return s;
}
fn add_weighted_slab(before: Sums, slab: u32, x: u32, y: u32) -> Sums {
  var s = add_weighted4(before, slab, 0u, x, y);
  if (SLABS > 1u) { s = add_weighted4(s, slab, 1u, x, y); }
  if (SLABS > 2u) { s = add_weighted4(s, slab, 2u, x, y); s = add_weighted4(s, slab, 3u, x, y); }
  return s;
}

// Four tokens of a tensor, one vec4 of each: that of token j is j `step` from `first`, or `last` where the token is beyond the end.
struct Four { first: u32, step: u32, last: u32 }
// From token `token` of a sample's `count` on; `rows` heads a token, of which `head` is the one.
fn four_of(at: Place, token: u32, count: u32, rows: u32, head: u32, d: u32) -> Four {
  return Four(DIM4 * ((at.batch * count + token) * rows + head) + d, DIM4 * rows, DIM4 * ((at.batch * count + count - 1u) * rows + head) + d);
}
fn queries_of(at: Place, query: u32, d: u32) -> Four { return four_of(at, query, params.queries, params.q_parts * params.heads, at.head, d); }
fn outputs_of(at: Place, query: u32, d: u32) -> Four { return four_of(at, query, params.queries, params.heads, at.head, d); }
fn keys_of(at: Place, key: u32, d: u32) -> Four {
  return four_of(at, key, params.keys, params.kv_parts * params.heads, (params.kv_parts - 2u) * params.heads + at.head, d);
}
fn values_of(at: Place, key: u32, d: u32) -> Four {
  return four_of(at, key, params.keys, params.kv_parts * params.heads, (params.kv_parts - 1u) * params.heads + at.head, d);
}
fn vec4_at(four: Four, j: u32) -> u32 { return min(four.first + j * four.step, four.last); }

// A slab along dim comes in blocks of four tokens by four elements, neighbours reading neighbours of a row.
const LEFT_BLOCKS: u32 = SLABS * TOKENS4;
const RIGHT_BLOCKS: u32 = SLABS * TILE4;

// Rows times columns, for the tile from token `tile` on, of the two tensors that four_rows and four_columns know as `product`.
// Only where the columns of the invocation are some of the tile and before `end`: whole subgroups skip what is beyond.
fn products(product: u32, at: Place, tile: u32, end: u32, lane: u32) -> Sums {
  let x = lane / Y;
  let y = lane % Y;
  let d = lane % SLABS;
  let tokens = lane / SLABS; // a four of them
  let four_left = four_rows(product, at, at.first + 4u * tokens, d);
  let four_right = four_columns(product, at, tile + 4u * tokens, d);
  let computes = (TILE4 == X || x < TILE4) && tile + 4u * x < end;
  var s = Sums();
  for (var slab = 0u; slab < DIM4; slab += SLABS) {
    workgroupBarrier();
    let exists = DIM4 % SLABS == 0u || slab + d < DIM4;
    if (lane < LEFT_BLOCKS) {
      var block = mat4x4f();
      if (exists) {
        block = transpose(mat4x4f(
          load_row(product, vec4_at(four_left, 0u) + slab), load_row(product, vec4_at(four_left, 1u) + slab),
          load_row(product, vec4_at(four_left, 2u) + slab), load_row(product, vec4_at(four_left, 3u) + slab)));
      }
      left[0][d][tokens] = block[0];
      left[1][d][tokens] = block[1];
      left[2][d][tokens] = block[2];
      left[3][d][tokens] = block[3];
    }
    if (RIGHT_BLOCKS == WG || lane < RIGHT_BLOCKS) {
      var block = mat4x4f();
      if (exists) {
        block = transpose(mat4x4f(
          load_column(product, vec4_at(four_right, 0u) + slab), load_column(product, vec4_at(four_right, 1u) + slab),
          load_column(product, vec4_at(four_right, 2u) + slab), load_column(product, vec4_at(four_right, 3u) + slab)));
      }
      right[0][d][tokens] = block[0];
      right[1][d][tokens] = block[1];
      right[2][d][tokens] = block[2];
      right[3][d][tokens] = block[3];
    }
    workgroupBarrier();
    if (computes) { s = add_score_slab(s, x, y); }
  }
  return s;
}

// Adds weights times the tokens of the columns, in the tensor that four_weighted knows as `product`. Slabs beyond `end` are skipped.
fn add_results(before: Sums, product: u32, at: Place, tile: u32, end: u32, lane: u32) -> Sums {
  let d = lane % X;
  let r = lane / X;
  var s = before;
  for (var slab = 0u; slab < TILE4 / SLABS && tile + slab * STEP < end; slab++) {
    let four = four_weighted(product, at, tile + slab * STEP + r, d);
    workgroupBarrier();
    if ((DIM4 == X || d < DIM4) && (STEP >= Y || r < STEP)) {
      let a = load_weighted(product, vec4_at(four, 0u));
      var b = vec4f(); var c = vec4f(); var e = vec4f();
      if (STEP > Y) { b = load_weighted(product, vec4_at(four, Y)); }
      if (STEP > 2u * Y) { c = load_weighted(product, vec4_at(four, 2u * Y)); e = load_weighted(product, vec4_at(four, 3u * Y)); }
      right[r % 4u][r / 4u][d] = a;
      if (STEP > Y) { right[r % 4u][r / 4u + Y / 4u][d] = b; }
      if (STEP > 2u * Y) { right[r % 4u][r / 4u + Y / 2u][d] = c; right[r % 4u][r / 4u + 3u * Y / 4u][d] = e; }
    }
    workgroupBarrier();
    s = add_weighted_slab(s, slab, lane / Y, lane % Y);
  }
  return s;
}

// Writes what became of the scores.
fn keep_weights(x: u32, y: u32, s: Sums) {
  if (x >= TILE4) { return; } // an index beyond the end would be moved to the last
  weights[x][0][y] = s.upper[0]; weights[x][1][y] = s.upper[1]; weights[x][2][y] = s.upper[2]; weights[x][3][y] = s.upper[3];
  if (BLOCKS == 1u) { return; }
  weights[x][0][y + Y] = s.lower[0]; weights[x][1][y + Y] = s.lower[1]; weights[x][2][y + Y] = s.lower[2]; weights[x][3][y + Y] = s.lower[3];
}
fn kept_weights(x: u32, y: u32) -> Sums {
  let upper = mat4x4f(weights[x][0][y], weights[x][1][y], weights[x][2][y], weights[x][3][y]);
  if (BLOCKS == 1u) { return Sums(upper, mat4x4f()); }
  return Sums(upper, mat4x4f(weights[x][0][y + Y], weights[x][1][y + Y], weights[x][2][y + Y], weights[x][3][y + Y]));
}
