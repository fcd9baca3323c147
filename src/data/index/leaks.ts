/** Tells how many of the samples that a model is judged by it has met in training. */
import type { Split } from "../batch.ts";
import { type IndexedSample, placeOf } from "./sample_index.ts";

/** What two samples may have in common: what it is called ("an image"), and the same key for samples that share it. */
export interface Trait {
  readonly what: string;
  key(sample: IndexedSample): string | undefined;
}

export const JUDGES: readonly Split[] = ["validation", "test"];

/** A text by which two that differ in blanks or case alone are the same; undefined for one of blanks alone. */
export function textKey(text: string): string | undefined {
  return text.normalize("NFKC").toLowerCase().replace(/\s+/gu, " ").trim() || undefined;
}

/** One sentence for each split whose samples share something with training, and what its accuracy is worth then. */
export function leakWarnings(samples: readonly IndexedSample[], traits: readonly Trait[]): string[] {
  const bySplit = Map.groupBy(samples, ({ split }) => split);
  const training = bySplit.get("train") ?? [];
  const known = traits.map(({ key }) => {
    const first = new Map<string, IndexedSample>();
    for (const sample of training) {
      const own = key(sample);
      if (own !== undefined && !first.has(own)) first.set(own, sample);
    }
    return first;
  });
  return JUDGES.flatMap((split) => {
    const own = bySplit.get(split) ?? [];
    const leaked = new Set<IndexedSample>();
    let first: string | undefined;
    const parts = traits.flatMap(({ what, key }, at) => {
      const found = own.filter((sample) => {
        const same = known[at]!.get(key(sample) ?? "");
        if (same !== undefined) first ??= `${placeOf(sample)}, as ${placeOf(same)}`;
        return same !== undefined;
      });
      for (const sample of found) leaked.add(sample);
      return found.length === 0 ? [] : [`${what} (${found.length})`];
    });
    if (first === undefined) return [];
    const share = Math.round(100 * leaked.size / own.length);
    const left = own.length - leaked.size;
    return [
      `${leaked.size} of ${own.length} ${split} samples (${share} %) share ${
        parts.join(", ")
      } with training (first: ${first}): ` +
      `a model that knows them by heart is right about them, so accuracy is worth what it is on the other ${left}`,
    ];
  });
}
