/** Scaled-dot-product attention, fused: the queries × keys probabilities are never stored. */
import type { Buffers } from "../gpu/dispatch.ts";
import { defineKernel } from "../gpu/kernel.ts";
import type { RandomKey } from "../tensor/random.ts";
import { sameShape, showShape } from "../tensor/shape.ts";
import { needsGrad, record } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { type AttentionEntry, attentionPlan, blocksPlan } from "./attention_plan.ts";
import { type Float, floatOf, mustBe } from "./check.ts";
import { dropoutParams } from "./dropout.ts";
import accessScalar from "../../wgsl/attention/access_scalar.wgsl" with { type: "text" };
import accessVec4 from "../../wgsl/attention/access_vec4.wgsl" with { type: "text" };
import blocks from "../../wgsl/attention/attention.wgsl" with { type: "text" };
import grid from "../../wgsl/lib/grid.wgsl" with { type: "text" };
import matrices from "../../wgsl/attention/matrices.wgsl" with { type: "text" };
import matricesForward from "../../wgsl/attention/matrices_forward.wgsl" with { type: "text" };
import matricesGradKv from "../../wgsl/attention/matrices_grad_kv.wgsl" with { type: "text" };
import matricesGradQ from "../../wgsl/attention/matrices_grad_q.wgsl" with { type: "text" };
import matricesQueries from "../../wgsl/attention/matrices_queries.wgsl" with { type: "text" };
import multiplyAdd from "../../wgsl/matmul/multiply_add.wgsl" with { type: "text" };
import operandsFile from "../../wgsl/attention/operands.wgsl" with { type: "text" };
import philox from "../../wgsl/lib/philox.wgsl" with { type: "text" };
import rowsMemory from "../../wgsl/attention/rows_memory.wgsl" with { type: "text" };
import rowsSubgroup from "../../wgsl/attention/rows_subgroup.wgsl" with { type: "text" };
import tiles from "../../wgsl/attention/tiles.wgsl" with { type: "text" };
import tilesForward from "../../wgsl/attention/tiles_forward.wgsl" with { type: "text" };
import tilesGradKv from "../../wgsl/attention/tiles_grad_kv.wgsl" with { type: "text" };
import tilesGradQ from "../../wgsl/attention/tiles_grad_q.wgsl" with { type: "text" };
import tilesQueries from "../../wgsl/attention/tiles_queries.wgsl" with { type: "text" };

const shared = [operandsFile, philox, grid];
const byFour = defineKernel("attention", [blocks, multiplyAdd, accessVec4, ...shared], ["q", "kv", "dy"]);
/** The kernel for heads whose width four does not divide. */
const byOne = defineKernel("attention_scalar", [blocks, multiplyAdd, accessScalar, ...shared]);
const ofQueries = [tilesQueries, tiles, accessVec4, ...shared];
/** The kernels by tiles, by their entries. */
const BY_TILES = {
  forward: defineKernel("attention_tiles", [tilesForward, rowsMemory, ...ofQueries]),
  grad_q: defineKernel("attention_tiles", [tilesGradQ, rowsMemory, ...ofQueries]),
  grad_kv: defineKernel("attention_tiles", [tilesGradKv, tiles, accessVec4, ...shared]),
};
/** The forward kernel by tiles whose lanes exchange values as subgroups. */
const BY_SHUFFLES = defineKernel("attention_tiles", [tilesForward, rowsSubgroup, ...ofQueries]);
/** The kernels by matrix units, by their entries. */
const BY_MATRICES = {
  forward: defineKernel("attention_matrices", [
    matricesForward,
    matricesQueries,
    matrices,
    accessVec4,
    ...shared,
  ]),
  grad_q: defineKernel("attention_matrices", [
    matricesGradQ,
    matricesQueries,
    matrices,
    accessVec4,
    ...shared,
  ]),
  grad_kv: defineKernel("attention_matrices", [matricesGradKv, matrices, accessVec4, ...shared]),
};

export interface AttentionOptions {
  readonly heads: number;
  /** u32 [batch, keys]: 0 for keys to leave out, such as padding. The result is 0 for a query with no key left. */
  readonly mask?: Tensor;
  /**
   * Added to the scores of queries and keys, after the scale, such as a bias of relative positions: [heads, queries, keys]
   * for all samples, or [batch, heads, queries, keys]; f32, or of the type of q. It has a gradient.
   */
  readonly bias?: Tensor;
  /** True: a query sees no key after its own place, counted from the first query and the first key. */
  readonly causal?: boolean;
  /** A query sees only keys that are at most so many places before or after its own. */
  readonly window?: number;
  /** The factor of q kᵀ; 1 / √dim if not given. */
  readonly scale?: number;
  /** Dropout of the attention probabilities, and the random key that it draws by. */
  readonly dropout?: { readonly probability: number; readonly key: RandomKey };
}

/** As far as any query sees, and so small that places added to it stay below 2³². */
const EVERYWHERE = 2 ** 30;
const NO_DROPOUT = { probability: 0, key: { key0: 0, key1: 0, layer: 0, step: 0 } };

/**
 * softmax(q kᵀ / √dim) v for each head: q and the result are [batch, queries, heads · dim], kv is
 * [batch, keys, 2 · heads · dim] and holds first k, then v of every token; all are f32 or all f16. The gradient needs q,
 * kv, the result, and two f32 numbers for each query and head. Throws TypeError for other shapes or types, RangeError
 * where `heads` does not divide the width or a window is no whole number.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { attention, Gpu, Tensor } from "unis/engine";
 *
 * const gpu = await Gpu.open();
 * const q = Tensor.from(gpu, new Float32Array(8), [1, 1, 8]); // one query that all keys suit alike
 * const kv = Tensor.from(gpu, Float32Array.from({ length: 32 }, (_, i) => Math.floor(i / 16)), [1, 2, 16]);
 * const y = attention(q, kv, { heads: 2 });
 * assert.deepEqual(y.shape, [1, 1, 8]);
 * assert.ok((await y.read()).every((value) => Math.abs(value - 0.5) < 1e-6)); // the mean of the values 0 and 1
 * gpu.destroy();
 * ```
 */
export function attention(q: Tensor, kv: Tensor, options: AttentionOptions): Tensor {
  const dtype = floatOf("attend to", q, kv);
  const [batch, , hidden] = q.shape;
  if (q.rank !== 3 || !sameShape(kv.shape, [batch!, kv.shape[1]!, 2 * hidden!])) {
    throw new TypeError(
      `Cannot attend with queries of ${showShape(q.shape)} to keys and values of ${showShape(kv.shape)}: ` +
        "they must be [batch, queries, heads · dim] and [batch, keys, 2 · heads · dim]",
    );
  }
  return attend(q, kv, dtype, hidden!, options);
}

/**
 * `attention` of tokens to each other: queries, keys and values lie in one tensor, [batch, tokens, 3 · heads · dim].
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Gpu, selfAttention, Tensor } from "unis/engine";
 *
 * const gpu = await Gpu.open();
 * const qkv = Tensor.from(gpu, new Float32Array(2 * 5 * 24).fill(1), [2, 5, 24]);
 * const mask = Tensor.from(gpu, Uint32Array.of(1, 1, 1, 1, 1, 1, 1, 0, 0, 0), [2, 5]);
 * const y = selfAttention(qkv, { heads: 2, mask });
 * assert.deepEqual(y.shape, [2, 5, 8]);
 * assert.ok((await y.read()).every((value) => Math.abs(value - 1) < 1e-6));
 * gpu.destroy();
 * ```
 */
export function selfAttention(qkv: Tensor, options: AttentionOptions): Tensor {
  const dtype = floatOf("attend to", qkv);
  const width = qkv.shape[2]!;
  if (qkv.rank !== 3 || width % 3 !== 0) {
    throw new TypeError(
      `Cannot attend within ${showShape(qkv.shape)}: it must be [batch, tokens, 3 · heads · dim]`,
    );
  }
  return attend(qkv, qkv, dtype, width / 3, options);
}

/** q and kv are two tensors, or both are the one that holds q, k and v. */
function attend(q: Tensor, kv: Tensor, dtype: Float, hidden: number, options: AttentionOptions): Tensor {
  const { heads, mask, bias, causal = false, window = EVERYWHERE, dropout = NO_DROPOUT } = options;
  const [batch, queries] = q.shape as [number, number];
  const keys = kv.shape[1]!;
  if (!Number.isInteger(heads) || hidden % heads !== 0) {
    throw new RangeError(`Cannot attend: a width of ${hidden} is not divisible by ${heads} heads`);
  }
  if (mask) {
    mustBe("u32", "mask keys by", mask);
    if (!sameShape(mask.shape, [batch, keys])) {
      throw new TypeError(
        `Cannot mask ${keys} keys of ${batch} samples by ${showShape(mask.shape)}: needs [batch, keys]`,
      );
    }
  }
  const biases = bias?.rank === 4 ? batch : 1;
  if (bias) {
    if (bias.dtype !== "f32") mustBe(dtype, "add to scores a bias of", bias);
    if (!sameShape(bias.shape, [...bias.rank === 4 ? [batch] : [], heads, queries, keys])) {
      throw new TypeError(
        `Cannot add a bias of ${showShape(bias.shape)} to the scores of ${
          showShape([batch, heads, queries, keys])
        }: it has that shape, or the same without the batch`,
      );
    }
  }
  if (!Number.isInteger(window) || window < 0) {
    throw new RangeError(`Cannot attend within a window of ${window}: it must be a whole number, at least 0`);
  }
  const { gpu } = q;
  const dim = hidden / heads;
  const byBlocks = dim % 4 === 0 ? byFour : byOne;
  const kind = {
    Elem: dtype,
    DIM: dim,
    DROPOUT: dropout.probability > 0,
    BIASED: bias !== undefined,
    BiasElem: bias?.dtype ?? "f32",
    LOCAL: causal || options.window !== undefined,
  };
  const params = {
    heads,
    queries,
    keys,
    q_parts: q.shape[2]! / hidden,
    kv_parts: kv.shape[2]! / hidden,
    masked: Number(mask !== undefined),
    behind: window,
    ahead: causal ? 0 : window,
    biases,
    scale: options.scale ?? 1 / Math.sqrt(dim),
    ...dropoutParams(dropout.probability, dropout.key),
  };
  // Every entry names mask and bias; where there is none they are bound to something that is never read.
  const operands = { q, kv, mask: mask ?? q, bias: bias ?? q };

  const o = Tensor.empty(gpu, [batch, queries, hidden], dtype, needsGrad(q, kv, bias));
  const stats = Tensor.empty(gpu, [batch, heads, Math.ceil(queries / 4), 2, 4]);
  // Products of queries × keys × dim: two in the forward pass, three for the gradient of q, four for those of k and v.
  const work = (products: number) => () => ({
    operations: 2 * products * batch * queries * keys * hidden,
    shape: `${batch}×${queries}×${keys}×${hidden}, ${heads} heads`,
  });
  const run = (entry: AttentionEntry, rows: number, buffers: Buffers, products: number) => {
    const { form, constants } = attentionPlan(gpu, { entry, dim, dtype });
    const kernels = {
      blocks: byBlocks,
      tiles: BY_TILES[entry],
      shuffles: BY_SHUFFLES,
      matrices: BY_MATRICES[entry],
    };
    const blocks = Math.ceil(rows / constants.TOKENS);
    const count = batch * heads * blocks;
    gpu.dispatch({
      kernel: kernels[form],
      entry,
      buffers: { ...operands, ...buffers, stats },
      params: { ...params, blocks, count },
      ...(form === "blocks" ? { invocations: count } : { workgroups: count }),
      constants: { ...kind, ...constants },
      work: work(products),
    });
  };
  run("forward", queries, { y4: o }, 2);
  const projected = q === kv ? [q] : [q, kv];
  const inputs = bias ? [...projected, bias] : projected;
  return record(o, inputs, [...inputs, o, stats, ...(mask ? [mask] : [])], (dy, needed) => {
    const grads = projected.map(({ shape }) => Tensor.empty(gpu, shape, dtype));
    // grad_q leaves Σ dy o of each query in stats, where grad_kv and grad_bias read it.
    run("grad_q", queries, { dy, o, y4: grads[0]! }, 3);
    run("grad_kv", keys, { dy, y4: grads.at(-1)! }, 4);
    if (!bias) return grads;
    if (!needed.at(-1)) return [...grads, undefined];
    const dbias = Tensor.empty(gpu, bias.shape, bias.dtype);
    const blocks = Math.ceil(keys / 4);
    const count = biases * heads * Math.ceil(queries / 4) * blocks;
    gpu.dispatch({
      kernel: byBlocks,
      entry: "grad_bias",
      buffers: { ...operands, dy, stats, dbias },
      params: { ...params, batch, blocks, count },
      invocations: count,
      constants: { ...kind, ...blocksPlan(gpu).constants },
      work: work(3),
    });
    return [...grads, dbias];
  });
}
