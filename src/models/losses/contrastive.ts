/** The unimodality-supervised contrast between modalities (section 3.2.3 of the UniS-MMC paper). */
import { countKinds, isKind, PairKind, pairKinds, unimodalContrast } from "../../ops/contrast.ts";
import { selectRows } from "../../ops/indexing.ts";
import { matmul } from "../../ops/matmul.ts";
import { cosineSimilarity, l2Normalize } from "../../ops/normalize.ts";
import { add } from "../../ops/arithmetic.ts";
import { detach, reshape, slice } from "../../ops/shape.ts";
import { scope } from "../../tensor/scope.ts";
import type { Tensor } from "../../tensor/tensor.ts";

/** One value a modality, by its name. */
export type ByModality<T> = { readonly [modality: string]: T };

/** Two modalities, and how their predictions stand to the labels of a batch. */
export type ModalityPair = {
  readonly a: string;
  readonly b: string;
  /** u32 [batch], a `PairKind` each. */
  readonly kinds: Tensor;
  /** u32 [4]: samples of each kind. P is the first, S the second and third together, N the last. */
  readonly counts: Tensor;
};

/** How representations are contrasted. What is not given is as in the paper. */
export type ContrastOptions = {
  /** τ. */
  readonly temperature: number;
  /** `unisContrast`: false takes semi-positive pairs out of the numerator. */
  readonly semiPositive?: boolean;
  /** `unisContrast`: false takes negative pairs out of the denominator. */
  readonly negative?: boolean;
  /** The contrasts of a batch: from b to a as well as from a to b. */
  readonly symmetric?: boolean;
  /** `unisContrast` as published: see `firstRow`. */
  readonly firstRowOnly?: boolean;
  /** `unsupervisedContrast` as published: see `batchContrast`. */
  readonly unsupervisedPositivesOnly?: boolean;
  /** `supervisedContrast` as published: see `batchContrast`. */
  readonly supervisedPositivesOnly?: boolean;
};

/** Every pair of modalities, a before b. */
export function pairsOf(modalities: readonly string[]): readonly (readonly [a: string, b: string])[] {
  return modalities.flatMap((a, i) => modalities.slice(i + 1).map((b) => [a, b] as const));
}

/** Every pair of modalities, a before b, with what it holds; `predictions` u32 [batch] of each, `labels` u32 [batch]. */
export function modalityPairs(predictions: ByModality<Tensor>, labels: Tensor): ModalityPair[] {
  return pairsOf(Object.keys(predictions)).map(([a, b]) => {
    const kinds = pairKinds(predictions[a]!, predictions[b]!, labels);
    return { a, b, kinds, counts: countKinds(kinds) };
  });
}

/** Equations 2 and 3: the contrast of every pair, summed; representations are [batch, width]. Gives []. */
export function unisContrast(
  representations: ByModality<Tensor>,
  pairs: readonly ModalityPair[],
  options: ContrastOptions,
): Tensor {
  return scope(() => sumOf(pairs.map((pair) => pairContrast(representations, pair, options))));
}

/** Equation 2 for one pair. */
function pairContrast(
  representations: ByModality<Tensor>,
  { a, b, kinds }: ModalityPair,
  { temperature, semiPositive = true, negative = true, firstRowOnly = false }: ContrastOptions,
): Tensor {
  const compare = firstRowOnly ? firstRow : cosineSimilarity;
  const similarity = compare(
    withoutGradient(representations[a]!, isKind(kinds, PairKind.onlyARight)),
    withoutGradient(representations[b]!, isKind(kinds, PairKind.onlyBRight)),
  );
  return unimodalContrast(similarity, kinds, temperature, { semiPositive, negative, divided: firstRowOnly });
}

/**
 * As the published code has it, the contrast reads row 0 of the a × b matrix of similarities, not its diagonal, and
 * divides by |P∪S| inside the logarithm:
 *   L = −log( Σ_{n∈P∪S} exp(cos(a₀, bₙ)/τ) / Σ_n exp(cos(a₀, bₙ)/τ) / |P∪S| ),
 * where kinds, and what is detached, are still those of the sample n (of sample 0 for a₀). Without anything in P∪S it is
 * the logarithm of the batch's size, without gradient. (There a is the text; here it is the data set's first modality.)
 * Gives cos(a₀, bₙ): [batch].
 */
function firstRow(a: Tensor, b: Tensor): Tensor {
  const first = slice(unit(a), 0, 0, 1);
  return reshape(matmul(first, unit(b), { transposeB: true }), [-1]);
}

/** Rows of norm 1; the bound on norms is that of `cosineSimilarity`. */
export function unit(x: Tensor): Tensor {
  return l2Normalize(x, 1e-8);
}

/** x, detached in the rows of a mask: where only one modality is right, it is the other that shall move. */
function withoutGradient(x: Tensor, rows: Tensor): Tensor {
  return selectRows(rows, detach(x), x);
}

/** The sum of at least one tensor. */
export function sumOf(terms: readonly Tensor[]): Tensor {
  return terms.reduce((total, term) => add(total, term));
}
