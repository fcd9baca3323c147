/** Pairs of modalities, which methods compare, and collections by modality. */
import { countPairTypes, pairTypes } from "../../ops/contrast.ts";
import { add } from "../../ops/arithmetic.ts";
import { gatherRows } from "../../ops/indexing.ts";
import { type Indices, indices } from "../../ops/indices.ts";
import { reshape } from "../../ops/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { PresenceInput } from "../encoders/inputs.ts";

/** One value for each modality, by its name. An encoder of several modalities stands for one here, by its own name. */
export type ByModality<T> = { readonly [modality: string]: T };

/** Two modalities, and which of them are right about the samples of a batch. */
export type ModalityPair = {
  readonly a: string;
  readonly b: string;
  /** The samples that have both, where some lack one: the pair is of these alone. All of the batch if not given. */
  readonly rows?: Indices; // [rows]
  /** A number of `PAIR_TYPES` for each sample: u32 [rows]. */
  readonly types: Tensor;
  /** The samples of each type: u32 [4]. P is the first, S the second and third together, N the last. */
  readonly counts: Tensor;
};

/**
 * Lists every pair of modalities, a before b.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { pairsOf } from "./pairs.ts";
 *
 * assert.deepEqual(pairsOf(["image", "text", "sound"]), [["image", "text"], ["image", "sound"], ["text", "sound"]]);
 * ```
 */
export function pairsOf(modalities: readonly string[]): readonly (readonly [a: string, b: string])[] {
  return modalities.flatMap((a, i) => modalities.slice(i + 1).map((b) => [a, b] as const));
}

/**
 * Finds for every pair of modalities, a before b, how many samples both, one or none get right, from where each is right: u32
 * [batch], 1 or 0. Of samples that lack a modality there is no pair: see `rows`; there is none at all where no sample has both.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Gpu, Tensor } from "unis/engine";
 * import { modalityPairs } from "unis/models";
 *
 * const gpu = await Gpu.open();
 * const right = (...values: number[]) => Tensor.from(gpu, Uint32Array.from(values), [4]);
 * const [pair] = modalityPairs({ image: right(1, 0, 1, 0), text: right(1, 1, 0, 0) });
 * assert.deepEqual([...await pair!.counts.read()], [1, 1, 1, 1]); // both, only the image, only the text, none
 * gpu.destroy();
 * ```
 */
export function modalityPairs(
  right: ByModality<Tensor>,
  presence: ByModality<PresenceInput> = {},
): ModalityPair[] {
  return pairsOf(Object.keys(right)).flatMap(([a, b]) => {
    const known = [presence[a], presence[b]].filter((one) => one !== undefined);
    if (known.length === 0) {
      const types = pairTypes(right[a]!, right[b]!);
      return [{ a, b, types, counts: countPairTypes(types) }];
    }
    const batch = known[0]!.present.length;
    const both = Uint32Array.from({ length: batch }, (_, row) => row)
      .filter((row) => known.every(({ present }) => present[row] !== 0));
    if (both.length === 0) return [];
    const rows = indices(right[a]!.gpu, both, [both.length], { rows: batch });
    const types = pairTypes(samplesIn(rows, right[a]!), samplesIn(rows, right[b]!));
    return [{ a, b, rows, types, counts: countPairTypes(types) }];
  });
}

/** The samples of a tensor [batch, ...] that are in `rows`: [rows, ...]; all of them where that is undefined. */
export function samplesIn(rows: Indices | undefined, x: Tensor): Tensor {
  if (rows === undefined) return x;
  const [, ...rest] = x.shape;
  return reshape(gatherRows(reshape(x, [x.shape[0]!, -1]), rows), [...rows.shape, ...rest]);
}

/** Changes every value and keeps its key. */
export function mapModalities<A, B>(
  values: ByModality<A>,
  change: (value: A, modality: string) => B,
): ByModality<B> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, change(value, name)]));
}

/** Adds up at least one tensor. */
export function sumOf(terms: readonly Tensor[]): Tensor {
  return terms.reduce((total, term) => add(total, term));
}
