// Attention by matrix units: what forward, grad_q and grad_kv share. A workgroup computes TOKENS rows of a result (queries, or
// keys in grad_kv), M of them a subgroup, for all of dim, and goes over the other tokens tile by tile, COLUMNS of them:
//   scores   [TOKENS, COLUMNS] = rows [TOKENS, DIM] · (tokens of the tile [COLUMNS, DIM])ᵀ
//   results  [TOKENS, DIM]    += weights [TOKENS, COLUMNS] · tokens of the tile [COLUMNS, DIM]
// Matrix units multiply [M, K] by [K, N] in f16 and add in f32. Which lane of a subgroup holds which elements of a matrix is
// not known, so scores go through workgroup memory, where lanes make weights of them, in f16.
// Needs: operands.wgsl, access_vec4.wgsl; PRODUCTS and WEIGHTS, QUERIES and KEYS, put_scores and get_weights
const WG: u32 = 64u;
const SUBGROUP: u32 = 32u; // lanes
const M: u32 = 16u;
const N: u32 = 16u;
const K: u32 = 16u;
const COLUMNS: u32 = 16u; // a multiple of N, K and four

// Everything lies in vec4s. Rows are longer than what they hold, so that neighbours of a matrix lie in different banks of memory.
const LENGTH: u32 = DIM4 + 2u; // of a token
const SCORE_LENGTH: u32 = KEYS / 4u + 1u; // of a query's scores
const WEIGHT_LENGTH: u32 = KEYS / 4u + 2u; // of a query's weights
const SCORES: u32 = QUERIES * SCORE_LENGTH;
// Where the tokens lie that are multiplied for each kind of scores: the rows, and the tile.
const ROWS: vec2u = vec2u(0u, (PRODUCTS - 1u) * TOKENS * LENGTH);
const TILE: vec2u = vec2u(PRODUCTS * TOKENS * LENGTH, (PRODUCTS * TOKENS + COLUMNS) * LENGTH);

var<workgroup> tokens: array<vec4<Elem>, (PRODUCTS * TOKENS + 2u * COLUMNS) * LENGTH>; // rows [PRODUCTS, TOKENS], tiles [2, COLUMNS]
var<workgroup> scores: array<vec4f, PRODUCTS * SCORES>; // [PRODUCTS, queries, keys]
var<workgroup> weights: array<vec4<Elem>, WEIGHTS * QUERIES * WEIGHT_LENGTH>; // [WEIGHTS, queries, keys]
var<workgroup> row_values: array<f32, TOKENS>;

alias Left = subgroup_matrix_left<Elem, K, M>;
alias Right = subgroup_matrix_right<Elem, N, K>;
alias Sum = subgroup_matrix_result<f32, N, M>;
alias Results = array<Sum, DIM / N>; // those of a subgroup

// Copies `count` tokens of a tensor, from `first` on. The loops have a known number of turns, so that drivers unroll them.
fn turns(count: u32) -> u32 { return (count * DIM4 + WG - 1u) / WG; }
fn put_vec4(to: u32, i: u32, count: u32, value: vec4<Elem>) {
  if (count * DIM4 % WG != 0u && i >= count * DIM4) { return; }
  tokens[to + i / DIM4 * LENGTH + i % DIM4] = value;
}
fn put_queries(to: u32, at: Place, first: u32, count: u32, lane: u32) {
  for (var i = 0u; i < turns(count); i++) {
    let j = i * WG + lane;
    put_vec4(to, j, count, q[q_row(at, first + j / DIM4) * DIM4 + j % DIM4]);
  }
}
fn put_keys(to: u32, at: Place, first: u32, count: u32, lane: u32) {
  for (var i = 0u; i < turns(count); i++) {
    let j = i * WG + lane;
    put_vec4(to, j, count, kv[k_row(at, first + j / DIM4) * DIM4 + j % DIM4]);
  }
}
fn put_values(to: u32, at: Place, first: u32, count: u32, lane: u32) {
  for (var i = 0u; i < turns(count); i++) {
    let j = i * WG + lane;
    put_vec4(to, j, count, kv[v_row(at, first + j / DIM4) * DIM4 + j % DIM4]);
  }
}
fn put_grads(to: u32, at: Place, first: u32, count: u32, lane: u32) {
  for (var i = 0u; i < turns(count); i++) {
    let j = i * WG + lane;
    put_vec4(to, j, count, dy[o_row(at, first + j / DIM4) * DIM4 + j % DIM4]);
  }
}

// Scores of one kind: rows times the tile.
fn multiply(product: u32, subgroup: u32) {
  var sums: array<Sum, COLUMNS / N>;
  for (var d = 0u; d < DIM4; d += K / 4u) {
    let left = subgroupMatrixLoad<Left, row_major>(&tokens, ROWS[product] + subgroup * M * LENGTH + d, LENGTH);
    for (var n = 0u; n < COLUMNS / N; n++) {
      let right = subgroupMatrixLoad<Right, col_major>(&tokens, TILE[product] + n * N * LENGTH + d, LENGTH);
      sums[n] = subgroupMatrixMultiplyAccumulate(left, right, sums[n]);
    }
  }
  for (var n = 0u; n < COLUMNS / N; n++) { put_scores(product * SCORES, subgroup * M, n * N, sums[n]); }
}

// Adds weights of one kind times a tile.
fn add_results(results: ptr<function, Results>, which: u32, tile: u32, subgroup: u32) {
  for (var k = 0u; k < COLUMNS; k += K) {
    let left = get_weights(which * QUERIES * WEIGHT_LENGTH, subgroup * M, k);
    for (var n = 0u; n < DIM / N; n++) {
      let right = subgroupMatrixLoad<Right, row_major>(&tokens, TILE[tile] + k * LENGTH + n * (N / 4u), LENGTH);
      (*results)[n] = subgroupMatrixMultiplyAccumulate(left, right, (*results)[n]);
    }
  }
}

// The scores of a query with four keys, both counted from the first that has scores.
fn score4(product: u32, query: u32, key: u32) -> vec4f { return scores[product * SCORES + query * SCORE_LENGTH + key / 4u]; }
fn keep_weights(which: u32, query: u32, key: u32, value: vec4f) {
  weights[(which * QUERIES + query) * WEIGHT_LENGTH + key / 4u] = vec4<Elem>(value);
}

// Results in the memory of scores, as many elements of dim at a time as fit: [TOKENS, COLUMNS].
const CHUNK: u32 = COLUMNS / N;
fn put_results(results: ptr<function, Results>, first: u32, subgroup: u32) {
  for (var n = 0u; n < min(CHUNK, DIM / N - first); n++) {
    subgroupMatrixStore<row_major>(&scores, (subgroup * M * COLUMNS + n * N) / 4u, (*results)[first + n], COLUMNS / 4u);
  }
}
fn get_results(results: ptr<function, Results>, first: u32, subgroup: u32) {
  for (var n = 0u; n < min(CHUNK, DIM / N - first); n++) {
    (*results)[first + n] = subgroupMatrixLoad<Sum, row_major>(&scores, (subgroup * M * COLUMNS + n * N) / 4u, COLUMNS / 4u);
  }
}

// Rows of results, times their row_values, go to `count` rows of the output, `step` apart from `first_row` on.
fn store_results(results: ptr<function, Results>, first_row: u32, step: u32, count: u32, lane: u32, subgroup: u32) {
  for (var first = 0u; first < DIM / N; first += CHUNK) {
    workgroupBarrier();
    put_results(results, first, subgroup);
    workgroupBarrier();
    for (var i = lane; i < TOKENS * COLUMNS / 4u; i += WG) {
      let row = i / (COLUMNS / 4u);
      let d = first * (N / 4u) + i % (COLUMNS / 4u);
      if (row < count && d < DIM4) {
        store_row(first_row + row * step, d, row_values[row] * scores[i]);
      }
    }
  }
}
