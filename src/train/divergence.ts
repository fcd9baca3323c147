/** Training that has gone astray ends, rather than spend hours on weights that are no numbers. */
import { UserError } from "../base/user_error.ts";

/** Throws a UserError where a mean loss is infinite or not a number; `done` epochs are over. */
export function mustNotDiverge(loss: number, done: number): void {
  if (Number.isFinite(loss)) return;
  throw new UserError(
    `Training diverged in epoch ${done + 1}: its loss is ${loss}. Train anew with lower learning rates ` +
      `("optimizer.encoder_learning_rate", "optimizer.head_learning_rate") or with "optimizer.max_gradient_norm"; ` +
      (done > 0 ? `the run keeps the best weights of the ${done} before` : "no epoch was finished"),
  );
}
