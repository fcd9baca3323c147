/**
 * Any number of labels for a sample: each has a logit of its own, by binary cross entropy averaged over labels and samples.
 * Targets are 1 for the labels that a sample has, else 0.
 *
 * An extension of UniS-MMC, which knows classes alone: a head is right about a sample where the set of labels that it gives
 * is the sample's, or overlaps with it by `overlap`; see `isSet`.
 */
import * as onnx from "../../onnx/operators.ts";
import { sub } from "../../ops/arithmetic.ts";
import { binaryCrossEntropy } from "../../ops/binary_losses.ts";
import { affine, log, scale, tanh } from "../../ops/pointwise.ts";
import { isSet } from "../../ops/right.ts";
import { scope } from "../../tensor/scope.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { meanInOnnx, sumOfAnswers, type Task } from "./task.ts";

export interface MultiLabelSettings {
  /** The probability from which on a sample is given a label, above 0 and below 1; 0.5 if not given. */
  readonly threshold?: number;
  /** The overlap from which on a set of labels is right, above 0; 1 if not given, which takes the same set alone. */
  readonly overlap?: number;
}

/** Keeps logarithms finite where every head is certain: more than what rounding takes from 1. */
const LEAST = 1e-7;

export function multiLabel({ threshold = 0.5, overlap = 1 }: MultiLabelSettings = {}): Task {
  return {
    name: "multi_label",
    loss: binaryCrossEntropy,
    right: (logits, targets) => isSet(logits, targets, threshold, overlap),
    // log p - log(1 - p) of the mean p of the probabilities; the sigmoid of x is (1 + tanh(x / 2)) / 2.
    meanAnswer: (logits, shares) =>
      scope(() => {
        const sum = sumOfAnswers(logits.map((x) => tanh(scale(x, 0.5))), shares);
        const half = scale(sum, shares ? 0.5 : 0.5 / logits.length);
        const logOf = (sign: number): Tensor => log(affine(half, sign, 0.5 + LEAST));
        return sub(logOf(1), logOf(-1));
      }),
    meanAnswerToOnnx(logits, shares) {
      const mean = meanInOnnx(logits.map(onnx.sigmoid), shares);
      const least = onnx.scalar(LEAST, mean);
      const rest = onnx.subtract(onnx.scalar(1, mean), mean);
      return onnx.subtract(onnx.log(onnx.add(mean, least)), onnx.log(onnx.add(rest, least)));
    },
  };
}
