/** Modalities in pairs: what methods compare. */
import { countPairTypes, pairTypes } from "../../ops/contrast.ts";
import { add } from "../../ops/arithmetic.ts";
import type { Tensor } from "../../tensor/tensor.ts";

/** One value a modality, by its name; an encoder of several modalities stands here as one, by the encoder's name. */
export type ByModality<T> = { readonly [modality: string]: T };

/** Two modalities, and how their predictions stand to the labels of a batch. */
export type ModalityPair = {
  readonly a: string;
  readonly b: string;
  /** u32 [batch], a number of `PAIR_TYPES` each. */
  readonly types: Tensor;
  /** u32 [4]: samples of each type. P is the first, S the second and third together, N the last. */
  readonly counts: Tensor;
};

/** Every pair of modalities, a before b. */
export function pairsOf(modalities: readonly string[]): readonly (readonly [a: string, b: string])[] {
  return modalities.flatMap((a, i) => modalities.slice(i + 1).map((b) => [a, b] as const));
}

/** Every pair of modalities, a before b, with what it holds; `predictions` u32 [batch] of each, `labels` u32 [batch]. */
export function modalityPairs(predictions: ByModality<Tensor>, labels: Tensor): ModalityPair[] {
  return pairsOf(Object.keys(predictions)).map(([a, b]) => {
    const types = pairTypes(predictions[a]!, predictions[b]!, labels);
    return { a, b, types, counts: countPairTypes(types) };
  });
}

/** The same keys with other values. */
export function mapModalities<A, B>(
  values: ByModality<A>,
  change: (value: A, modality: string) => B,
): ByModality<B> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, change(value, name)]));
}

/** The sum of at least one tensor. */
export function sumOf(terms: readonly Tensor[]): Tensor {
  return terms.reduce((total, term) => add(total, term));
}
