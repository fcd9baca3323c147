/** Shortens any run to a try: two steps of training, and an evaluation of a few samples. */
import type { Split } from "../data/batch.ts";
import type { Dataset } from "../data/dataset.ts";

/** The number of samples of a step, in two micro-batches, and of an evaluation. */
const STEP = 8;
const SAMPLES: Readonly<Record<Split, number>> = { train: 2 * STEP, validation: STEP, test: STEP };

/** Settings that make any run short. */
export const DRY_SETTINGS: readonly string[] = [
  "training.epochs=1",
  `training.micro_batch=${STEP / 2}`,
  `training.batch=${STEP}`,
  `training.evaluation_batch=${STEP}`,
  "training.validation_after=0",
  "optimizer.warmup_steps=0",
  "optimizer.warmup_share=0",
];

/** The data set with a few samples of every split, from all over it; nothing else of it changes. */
export function fewSamples(data: Dataset): Dataset {
  const count = (split: Split) => Math.min(SAMPLES[split], data.count(split));
  const rowOf = (split: Split, row: number) => Math.floor(row * data.count(split) / count(split));
  return {
    name: data.name,
    classes: data.classes,
    modalities: data.modalities,
    count,
    id: (split, row) => data.id(split, rowOf(split, row)),
    label: (split, row) => data.label(split, rowOf(split, row)),
    weight: (row) => data.weight?.(rowOf("train", row)) ?? 1,
    text: (split, row) => data.text(split, rowOf(split, row)),
    async batch(split, rows, augment, only) {
      const batch = await data.batch(split, rows.map((row) => rowOf(split, row)), augment, only);
      return { ...batch, rows: rows.slice() };
    },
    close: () => data.close?.(),
  };
}
