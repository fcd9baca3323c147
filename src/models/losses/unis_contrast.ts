/** The unimodality-supervised contrast between modalities (section 3.2.3 of the UniS-MMC paper). */
import { isPairType, unimodalContrast } from "../../ops/contrast.ts";
import { selectRows } from "../../ops/indexing.ts";
import { matmul } from "../../ops/matmul.ts";
import { cosineSimilarity, l2Normalize } from "../../ops/normalize.ts";
import { detach, reshape, slice } from "../../ops/shape.ts";
import { scope } from "../../tensor/scope.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { type ByModality, type ModalityPair, samplesIn, sumOf } from "./pairs.ts";

export type UnisOptions = {
  /** The temperature τ. */
  readonly temperature: number;
  /** False takes semi-positive pairs out of the numerator; they stay in the denominator. True if not given. */
  readonly semi_positive?: boolean;
  /** False takes negative pairs out of the denominator. True if not given. */
  readonly negative?: boolean;
  /** True computes the loss of the published code: see `firstRow`. False if not given. */
  readonly first_row_only?: boolean;
};

/**
 * Equations 2 and 3: the contrast of every pair of modalities, summed. Representations are [batch, width], pairs those of
 * `modalityPairs`; gives a loss [].
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Gpu, Tensor } from "unis/engine";
 * import { modalityPairs, unisContrast } from "unis/models";
 *
 * const gpu = await Gpu.open();
 * const rows = (...values: number[]) => Tensor.from(gpu, Float32Array.from(values), [2, 2]);
 * const right = () => Tensor.from(gpu, Uint32Array.of(1, 0), [2]);
 * const representations = { image: rows(1, 0, 0, 1), text: rows(1, 0, 0, -1) };
 * // Both are right about the first sample and wrong about the second, whose cosine is -1: there is little left to learn.
 * const pairs = modalityPairs({ image: right(), text: right() });
 * const [loss] = await unisContrast(representations, pairs, { temperature: 0.07 }).read();
 * assert.ok(Math.abs(loss!) < 1e-6);
 * gpu.destroy();
 * ```
 */
export function unisContrast(
  representations: ByModality<Tensor>,
  pairs: readonly ModalityPair[],
  options: UnisOptions,
): Tensor {
  return scope(() => sumOf(pairs.map((pair) => pairContrast(representations, pair, options))));
}

/** Computes equation 2 for one pair, over the samples that have both. */
function pairContrast(
  representations: ByModality<Tensor>,
  { a, b, rows, types }: ModalityPair,
  { temperature, semi_positive = true, negative = true, first_row_only = false }: UnisOptions,
): Tensor {
  const compare = first_row_only ? firstRow : cosineSimilarity;
  const similarity = compare(
    withoutGradient(samplesIn(rows, representations[a]!), isPairType(types, "onlyARight")),
    withoutGradient(samplesIn(rows, representations[b]!), isPairType(types, "onlyBRight")),
  );
  const parts = { semiPositive: semi_positive, negative, divided: first_row_only };
  return unimodalContrast(similarity, types, temperature, parts);
}

/**
 * As the published code has it, the contrast reads row 0 of the a × b matrix of similarities, not its diagonal, and
 * divides by |P∪S| inside the logarithm:
 *   L = −log( Σ_{n∈P∪S} exp(cos(a₀, bₙ)/τ) / Σ_n exp(cos(a₀, bₙ)/τ) / |P∪S| ),
 * where types, and what is detached, are still those of the sample n (of sample 0 for a₀). Without anything in P∪S it is
 * the logarithm of the batch's size, without gradient. (There a is the text; here it is the data set's first modality.)
 * Gives cos(a₀, bₙ): [batch].
 */
function firstRow(a: Tensor, b: Tensor): Tensor {
  const first = slice(unit(a), 0, 0, 1);
  return reshape(matmul(first, unit(b), { transposeB: true }), [-1]);
}

/** Scales rows to norm 1; the bound on norms is that of `cosineSimilarity`. */
function unit(x: Tensor): Tensor {
  return l2Normalize(x, 1e-8);
}

/** Detaches x in the rows of a mask: where only one modality is right, it is the other that shall move. */
function withoutGradient(x: Tensor, rows: Tensor): Tensor {
  return selectRows(rows, detach(x), x);
}
