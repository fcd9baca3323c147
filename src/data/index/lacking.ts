/** Samples of an index that lack modalities, or from which some are withheld. */
import { keyOf, Random } from "../../base/random.ts";
import { drawWithheld } from "../presence.ts";
import type { Split } from "../batch.ts";
import type { IndexedModality, IndexedSample, SampleIndex } from "./sample_index.ts";

/** What to do about a sample that lacks a modality. */
export const MISSING_CURE = "data.missing=learned trains with samples that lack a modality";

/** The shares of samples from which modalities are withheld for good, as if their data were missing. */
export type Withheld = Readonly<Record<Split, number>> & {
  /** The seed of the draws: it is the same in every run, so that runs of other seeds can be compared. */
  readonly seed: number;
};

/** The index of a data set where an empty text says that its sample lacks the modality. */
export function lackingEmptyTexts(index: SampleIndex): SampleIndex {
  const texts = index.modalities.filter(({ kind }) => kind === "text").map(({ name }) => name);
  const samples = index.samples.map((sample) => {
    const empty = texts.filter((name) => (sample.inputs[name] as string).trim() === "");
    if (empty.length === 0) return sample;
    return {
      ...sample,
      inputs: { ...sample.inputs, ...Object.fromEntries(empty.map((name) => [name, null])) },
    };
  });
  return { ...index, samples };
}

/** The samples without the inputs that are withheld, which depends on the seed and their ids alone. */
export function withholdInputs<S extends IndexedSample>(
  samples: readonly S[],
  modalities: readonly Pick<IndexedModality, "name">[],
  { seed, ...shares }: Withheld,
): S[] {
  return samples.map((sample) => {
    const { id, split, inputs } = sample;
    const random = new Random(keyOf(seed, ...Array.from(id, (letter) => letter.codePointAt(0)!)));
    const left = drawWithheld(shares[split], modalities.map(({ name }) => inputs[name] !== null), random);
    const own = modalities.map(({ name }, i) => [name, left[i] ? inputs[name]! : null] as const);
    return { ...sample, inputs: Object.fromEntries(own) };
  });
}
