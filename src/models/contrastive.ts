/** The unimodality-supervised contrast between modalities (section 3.2.3 of the UniS-MMC paper). */
import { countKinds, isKind, PairKind, pairKinds, unimodalContrast } from "../ops/contrast.ts";
import { selectRows } from "../ops/indexing.ts";
import { cosineSimilarity } from "../ops/normalize.ts";
import { add } from "../ops/pointwise.ts";
import { detach } from "../ops/shape.ts";
import { scope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";

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

/** Every pair of modalities a < b in their order; `predictions` u32 [batch] of each, `labels` u32 [batch]. */
export function modalityPairs(predictions: ByModality<Tensor>, labels: Tensor): ModalityPair[] {
  const names = Object.keys(predictions);
  return names.flatMap((a, i) =>
    names.slice(i + 1).map((b) => {
      const kinds = pairKinds(predictions[a]!, predictions[b]!, labels);
      return { a, b, kinds, counts: countKinds(kinds) };
    })
  );
}

/** Equations 2 and 3: the contrast of every pair, summed; representations are [batch, width]. Gives []. */
export function unisContrast(
  representations: ByModality<Tensor>,
  pairs: readonly ModalityPair[],
  temperature: number,
): Tensor {
  return scope(() => sumOf(pairs.map((pair) => pairContrast(representations, pair, temperature))));
}

/** Equation 2 for one pair. */
function pairContrast(representations: ByModality<Tensor>, pair: ModalityPair, temperature: number): Tensor {
  const { a, b, kinds } = pair;
  const similarity = cosineSimilarity(
    withoutGradient(representations[a]!, isKind(kinds, PairKind.onlyARight)),
    withoutGradient(representations[b]!, isKind(kinds, PairKind.onlyBRight)),
  );
  return unimodalContrast(similarity, kinds, temperature);
}

/** x, detached in the rows of a mask: where only one modality is right, it is the other that shall move. */
function withoutGradient(x: Tensor, rows: Tensor): Tensor {
  return selectRows(rows, detach(x), x);
}

/** The sum of at least one tensor. */
export function sumOf(terms: readonly Tensor[]): Tensor {
  return terms.reduce((total, term) => add(total, term));
}
