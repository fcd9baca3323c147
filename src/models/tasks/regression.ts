/**
 * A number for a sample: the logit is the number, by the mean squared error. Numbers are standardised, by the mean and the
 * standard deviation of the training samples, so that losses of heads and contrasts are of a size.
 *
 * An extension of UniS-MMC, which knows classes alone: a head is right about a sample where its number is within `tolerance`
 * of the sample's.
 */
import { mul, sub } from "../../ops/arithmetic.ts";
import { scale } from "../../ops/pointwise.ts";
import { mean } from "../../ops/reduce.ts";
import { isNear } from "../../ops/right.ts";
import { reshape } from "../../ops/shape.ts";
import { scope } from "../../tensor/scope.ts";
import { meanInOnnx, sumOfAnswers, type Task } from "./task.ts";

export interface RegressionSettings {
  /** In standard deviations; 0.5 if not given. */
  readonly tolerance?: number;
}

export function regression({ tolerance = 0.5 }: RegressionSettings = {}): Task {
  return {
    name: "regression",
    loss(values, targets, { classWeights, rowWeights, labelSmoothing = 0, focalGamma = 0 } = {}) {
      if (classWeights !== undefined || labelSmoothing > 0 || focalGamma > 0) {
        throw new TypeError("Cannot weigh classes, smooth labels or focus in regression: it has no classes");
      }
      return scope(() => {
        const difference = sub(values, targets);
        const squares = mul(difference, difference);
        return mean(rowWeights === undefined ? squares : mul(squares, reshape(rowWeights, [-1, 1])));
      });
    },
    right: (values, targets) => isNear(values, targets, tolerance),
    meanAnswer: (values, shares) =>
      scope(() => scale(sumOfAnswers(values, shares), shares ? 1 : 1 / values.length)),
    meanAnswerToOnnx: meanInOnnx,
  };
}
