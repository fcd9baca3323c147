/**
 * Attention rollout (Abnar & Zuidema, "Quantifying Attention Flow in Transformers", 2020): how much of each token comes into
 * a representation, if a layer passes on half of what a token was and half of what it attended to,
 *
 *   w = p · Ā_L · … · Ā_1,   Ā_l = ½ A_l + ½ I,
 *
 * A_l being the attention probabilities of layer l, the mean of its heads, and p what is pooled of the last tokens.
 */
import { add, expand, mul } from "../ops/arithmetic.ts";
import type { AttentionOptions } from "../ops/attention.ts";
import { cast } from "../ops/cast.ts";
import { matmul } from "../ops/matmul.ts";
import { scale } from "../ops/pointwise.ts";
import { mean } from "../ops/reduce.ts";
import { pad, permute, reshape, slice } from "../ops/shape.ts";
import { maskedSoftmax, softmax } from "../ops/softmax.ts";
import { full } from "../ops/fill.ts";
import { keep, scope } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";

/**
 * softmax(q kᵀ · scale + bias) of each head, as `attention` has it but never stores: f32 [batch, heads, queries, keys], where
 * q is [batch, queries, heads · dim] and kv [batch, keys, 2 · heads · dim]. Nothing is dropped.
 */
export function attentionProbabilities(
  q: Tensor,
  kv: Tensor,
  { heads, mask, bias, causal = false, window, scale: factor }: AttentionOptions,
): Tensor {
  const [batch, queries, width] = q.shape as [number, number, number];
  const keys = kv.shape[1]!;
  const dim = width / heads;
  const shape = [batch, heads, queries, keys];
  return scope(() => {
    const byHead = (x: Tensor) =>
      reshape(permute(reshape(cast(x, "f32"), [batch, -1, heads, dim]), [0, 2, 1, 3]), [
        batch * heads,
        -1,
        dim,
      ]);
    const products = matmul(byHead(q), byHead(slice(kv, 2, 0, width)), { transposeB: true });
    const scaled = reshape(scale(products, factor ?? 1 / Math.sqrt(dim)), shape);
    const scores = bias ? add(scaled, cast(bias, "f32")) : scaled;
    if (!causal && window === undefined) return mask ? maskedSoftmax(scores, mask) : softmax(scores);
    const seen = seenBy(queries, keys, causal ? 0 : window!, window ?? Infinity);
    const places = Tensor.from(q.gpu, seen, [1, 1, queries, keys]);
    const kept = mask ? mul(places, reshape(asNumbers(mask), [batch, 1, 1, keys])) : places;
    return maskedSoftmax(scores, expand(kept, shape));
  });
}

/** A mask u32 of zeros and ones as f32: a row of one key, masked or not, has the probability 0 or 1. */
function asNumbers(mask: Tensor): Tensor {
  const [batch, keys] = mask.shape as [number, number];
  const zeros = full(mask.gpu, [batch, keys, 1], 0);
  return maskedSoftmax(zeros, reshape(mask, [batch, keys, 1]));
}

/** 1 where a query sees a key that is at most so many places ahead or behind, else 0: [queries, keys]. */
function seenBy(queries: number, keys: number, ahead: number, behind: number): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: queries * keys }, (_, i) => {
    const after = i % keys - Math.floor(i / keys);
    return Number(after <= ahead && -after <= behind);
  });
}

/** Gathers what layers attend to in a forward pass whose `Context` has it, of one encoder; whoever makes it disposes it. */
export class AttentionRollout {
  /** Means over heads, [batch, queries, keys], of the layers in their order. */
  readonly #layers: Tensor[] = [];
  #pooled: Tensor | undefined;

  /** Of a layer; arguments are those of `attention`. Where tokens are not all queries, they are the first ones. */
  attended(q: Tensor, kv: Tensor, options: AttentionOptions): void {
    this.#layers.push(ofHeads(q, kv, options));
  }

  /** What comes of each last token into the representation, f32 [batch, 1, tokens]; the first token if nothing is said. */
  pooled(weights: Tensor): void {
    this.#pooled = keep(reshape(weights, weights.shape));
  }

  /** The same where tokens are pooled by attention. */
  pooledBy(q: Tensor, kv: Tensor, options: AttentionOptions): void {
    this.#pooled = ofHeads(q, kv, options);
  }

  /** The weight of each token, f32 [batch, tokens], which sum to 1; undefined where no layer has attended. */
  weights(): Tensor | undefined {
    const last = this.#layers.at(-1);
    if (last === undefined) return undefined;
    return scope(() => {
      const [batch, , tokens] = last.shape as [number, number, number];
      let weights = this.#pooled ?? pad(full(last.gpu, [batch, 1, 1], 1), 2, 0, tokens - 1);
      for (const probabilities of this.#layers.toReversed()) {
        const queries = slice(weights, 2, 0, probabilities.shape[1]!);
        weights = scale(add(matmul(queries, probabilities), weights), 0.5);
      }
      return reshape(weights, [batch, tokens]);
    });
  }

  dispose(): void {
    for (const tensor of this.#layers) tensor.dispose();
    this.#pooled?.dispose();
  }
}

function ofHeads(q: Tensor, kv: Tensor, options: AttentionOptions): Tensor {
  return keep(scope(() => mean(attentionProbabilities(q, kv, options), { axes: [1] })));
}
