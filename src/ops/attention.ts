/** Scaled-dot-product attention, fused: the tokens × tokens probabilities are never stored. */
import { defineKernel } from "../gpu/kernel.ts";
import type { RandomKey } from "../tensor/random.ts";
import { sameShape, showShape } from "../tensor/shape.ts";
import { needsGrad, record } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { mustBe } from "./check.ts";
import { dropoutParams } from "./dropout.ts";
import accessScalar from "../../wgsl/attention/access_scalar.wgsl" with { type: "text" };
import accessVec4 from "../../wgsl/attention/access_vec4.wgsl" with { type: "text" };
import attentionSource from "../../wgsl/attention/attention.wgsl" with { type: "text" };
import grid from "../../wgsl/lib/grid.wgsl" with { type: "text" };
import loadStorage from "../../wgsl/attention/load_storage.wgsl" with { type: "text" };
import loadTexture from "../../wgsl/attention/load_texture.wgsl" with { type: "text" };
import multiplyAdd from "../../wgsl/matmul/multiply_add.wgsl" with { type: "text" };
import philox from "../../wgsl/lib/philox.wgsl" with { type: "text" };

const kernelOf = (name: string, ...access: readonly string[]) =>
  defineKernel(`attention_${name}`, [attentionSource, multiplyAdd, philox, grid, ...access]);
const kernels = {
  texture: kernelOf("texture", accessVec4, loadTexture),
  storage: kernelOf("storage", accessVec4, loadStorage),
  scalar: kernelOf("scalar", accessScalar),
};

export interface AttentionOptions {
  readonly heads: number;
  /** u32 [batch, tokens]: 0 for keys to leave out, such as padding. A query with no key left attends to nothing: 0. */
  readonly mask?: Tensor;
  /** Dropout of the probabilities, and the key it draws by. */
  readonly dropout?: { readonly probability: number; readonly key: RandomKey };
}

const NO_DROPOUT = { probability: 0, key: { key0: 0, key1: 0, layer: 0, step: 0 } };

/**
 * softmax(q kᵀ / √dim) v for each head: q, k, v and the result are [batch, tokens, heads · dim].
 * Kept for the gradient: q, k, v, the result, and two numbers a query and head.
 */
export function attention(q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions): Tensor {
  const { heads, mask, dropout = NO_DROPOUT } = options;
  mustBe("f32", "attend to", q, k, v);
  const [batch, tokens, hidden] = q.shape;
  if (q.rank !== 3 || !sameShape(q.shape, k.shape) || !sameShape(q.shape, v.shape)) {
    const shapes = [q, k, v].map(({ shape }) => showShape(shape)).join(", ");
    throw new TypeError(`Cannot attend with q, k, v of ${shapes}: each must be [batch, tokens, heads · dim]`);
  }
  if (hidden! % heads !== 0) {
    throw new RangeError(`Cannot attend: a width of ${hidden} is not divisible by ${heads} heads`);
  }
  if (mask) {
    mustBe("u32", "mask keys by", mask);
    if (!sameShape(mask.shape, [batch!, tokens!])) {
      throw new TypeError(
        `Cannot mask keys of ${showShape(q.shape)} by ${showShape(mask.shape)}: needs [batch, tokens]`,
      );
    }
  }
  const { gpu } = q;
  const dim = hidden! / heads;
  const software = gpu.adapterClass === "software";
  const kernel = dim % 4 !== 0
    ? kernels.scalar
    : software && gpu.fitsTexture(q.bytes)
    ? kernels.texture
    : kernels.storage;
  const blocks = Math.ceil(tokens! / 4);
  const count = batch! * heads * blocks;
  const WG = software ? 8 : 64;
  const constants = {
    WG,
    DIM4: Math.ceil(dim / 4),
    MASKED: mask !== undefined,
    DROPOUT: dropout.probability > 0,
  };
  const params = {
    count,
    heads,
    tokens: tokens!,
    dim,
    blocks,
    scale: 1 / Math.sqrt(dim),
    ...dropoutParams(dropout.probability, dropout.key),
  };
  const groups = Math.ceil(count / WG);
  // Every entry names the mask; where there is none it is bound to something and never read.
  const operands = { q, k, v, mask: mask ?? q };

  const o = Tensor.empty(gpu, q.shape, "f32", needsGrad(q, k, v));
  const stats = Tensor.empty(gpu, [2, count, 4]);
  gpu.dispatch(kernel, "forward", { ...operands, y4: o, stats }, params, groups, constants);
  return record(o, [q, k, v], [q, k, v, o, stats, ...(mask ? [mask] : [])], (dy) => {
    const [dq, dk, dv] = [Tensor.empty(gpu, q.shape), Tensor.empty(gpu, q.shape), Tensor.empty(gpu, q.shape)];
    // grad_q leaves Σ dy o of each query in stats, where grad_kv reads it.
    gpu.dispatch(kernel, "grad_q", { ...operands, dy, o, y4: dq, stats }, params, groups, constants);
    gpu.dispatch(kernel, "grad_kv", { ...operands, dy, y4: dk, dv, stats }, params, groups, constants);
    return [dq, dk, dv];
  });
}
