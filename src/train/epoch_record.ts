/** What is written of an epoch, or of a validation within one. */
import type { EpochRecord, Evaluation } from "../runs/records.ts";
import type { TrainingState } from "../runs/run_checkpoints.ts";
import type { Reading } from "./divergence.ts";
import type { Learner } from "./learner.ts";

/** The record of a moment; `epoch` counts epochs trained, with a fraction within one. */
export function epochRecord(
  epoch: number,
  { step, epoch_seconds, epoch_input_wait }: TrainingState,
  learner: Learner,
  { means, lossScale, gradientNoise, validation }: Omit<Reading, "notFinite"> & {
    validation: Evaluation | undefined;
  },
): EpochRecord {
  const { metric } = learner.config.training;
  return {
    epoch,
    step,
    ...means,
    ...(validation && {
      validation_loss: validation.loss,
      validation_accuracy: validation.accuracy,
      ...(metric !== "accuracy" && { metric, validation_metric: validation[metric]! }),
      validation_pairs: validation.pairs,
    }),
    learning_rates: learner.learningRates(step - 1),
    ...(lossScale && { loss_scale: lossScale.scale, skipped_steps: lossScale.skipped }),
    ...(gradientNoise !== undefined && { gradient_noise: Number(gradientNoise.toPrecision(4)) }),
    seconds: Number(epoch_seconds.toFixed(2)),
    input_wait_seconds: Number(epoch_input_wait.toFixed(2)),
  };
}
