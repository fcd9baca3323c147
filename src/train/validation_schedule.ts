/** When training is validated: at the ends of epochs, or every so many steps; from an epoch on. */
import type { RunConfig } from "../config/run_config.ts";
import type { TrainingState } from "../runs/run_checkpoints.ts";

type Asked = Pick<RunConfig, "training">;
type Reached = Pick<TrainingState, "epoch" | "step" | "recorded_step">;

/** True within an epoch that goes on, where a validation is due after the steps taken, one cut short included. */
export function isValidatedWithin({ training }: Asked, { epoch, step, recorded_step }: Reached): boolean {
  const { validation_every: every, validation_after: after } = training;
  return every !== null && epoch >= after && step > recorded_step && step % every === 0;
}

/** True where the end of the epoch under way is validated: that of the last one always is. */
export function isValidatedAtEnd({ training }: Asked, { epoch, step, recorded_step }: Reached): boolean {
  const { epochs, validation_every: every, validation_after: after } = training;
  if (epoch + 1 >= epochs) return true;
  return epoch >= after && (every === null || step > recorded_step && step % every === 0);
}
