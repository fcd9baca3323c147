/** Shortens any run to a try: two steps of training, and an evaluation of a few samples. */
import type { Split } from "../data/batch.ts";
import { chosenRows } from "../data/chosen_rows.ts";
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

/** The data set with a few samples of every split, from all over it. */
export function fewSamples(data: Dataset): Dataset {
  const count = (split: Split) => Math.min(SAMPLES[split], data.count(split));
  const rowOf = (split: Split, row: number) => Math.floor(row * data.count(split) / count(split));
  return chosenRows(data, count, rowOf);
}
