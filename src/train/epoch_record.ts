/** What is told of an epoch under way, and written of one, or of a validation within one. */
import type { EpochRecord, Evaluation, Progress } from "../runs/records.ts";
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
      ...(validation.not_finite && { validation_not_finite: validation.not_finite }),
      validation_pairs: validation.pairs,
    }),
    learning_rates: learner.learningRates(step - 1),
    ...(lossScale && { loss_scale: lossScale.scale, skipped_steps: lossScale.skipped }),
    ...(gradientNoise !== undefined && { gradient_noise: Number(gradientNoise.toPrecision(4)) }),
    seconds: Number(epoch_seconds.toFixed(2)),
    input_wait_seconds: Number(epoch_input_wait.toFixed(2)),
  };
}

/** How far an epoch is after `index` micro-batches, of which the last `batches` took so many seconds. */
export function progressOf(
  { config: { training: { micro_batch, epochs } }, trainingSamples: total, mainHead }: Learner,
  epoch: number,
  { training_loss, training_accuracy }: Reading["means"],
  index: number,
  { batches, seconds }: { batches: number; seconds: number },
): Omit<Progress, "remaining"> {
  const done = Math.min(total, index * micro_batch);
  return {
    epoch: epoch + 1,
    epochs,
    done,
    total,
    loss: training_loss.total!,
    accuracy: training_accuracy[mainHead]!,
    samplesPerSecond: (done - (index - batches) * micro_batch) / seconds,
  };
}
