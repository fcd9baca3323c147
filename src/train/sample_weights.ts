/** What samples count in the losses of heads. */
import { classWeightsOf } from "../build/class_weights.ts";
import type { RunConfig } from "../config/run_config.ts";
import { taskOf } from "../config/task_config.ts";
import type { Dataset } from "../data/dataset.ts";

/** Gives the weights of some rows of a step, whose rows are all given: f32 [rows]. */
export type RowWeights = (rows: Uint32Array, step: Uint32Array) => Float32Array<ArrayBuffer>;

/** Whether the losses of heads weigh some samples more than others. */
export function weighsSamples({ data, training }: Pick<RunConfig, "data" | "training">): boolean {
  return training.class_weights !== "none" || data.name === "table" && data.weight !== null;
}

/**
 * The weights of training rows, where samples are weighed: s_i / mean over the step's samples j of s_j w_j, s being what the
 * data say of a sample and w the weight of its class, which the loss multiplies by. A sample then counts 1 on average, so that
 * the loss of a step is what torch's CrossEntropyLoss makes of all its samples at once, a sum divided by the sum of weights,
 * whatever its micro-batches are; and losses of heads and the contrast are to each other as without weights.
 */
export function rowWeightsOf(config: RunConfig, data: Dataset): RowWeights | undefined {
  if (!weighsSamples(config)) return undefined;
  const classWeights = classWeightsOf(config, data);
  const own = (row: number) => data.weight?.(row) ?? 1;
  // The weights of labels are for some elements of a sample, not for samples.
  const classified = taskOf(config.data) === "classification" ? classWeights : undefined;
  const ofClass = (row: number) => classified?.[data.label("train", row)] ?? 1;
  return (rows, step) => {
    const mean = step.reduce((sum, row) => sum + own(row) * ofClass(row), 0) / step.length;
    return Float32Array.from(rows, (row) => own(row) / mean);
  };
}
