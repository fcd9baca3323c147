/** The contract of tasks: what the logits of heads say of samples, how they learn it, and when they are right. */
import type { Value } from "../../onnx/graph.ts";
import * as onnx from "../../onnx/operators.ts";
import { add, mul } from "../../ops/arithmetic.ts";
import type { Tensor } from "../../tensor/tensor.ts";

/** What the loss of a head weighs samples by; what is not given changes nothing. */
export interface HeadOptions {
  /** f32 [outputs]: what a class, or the positives of a label, count. */
  readonly classWeights?: Tensor | undefined;
  /** f32 [batch]: what a sample counts. */
  readonly rowWeights?: Tensor | undefined;
  /** The share of the target that is spread over all classes. */
  readonly labelSmoothing?: number;
  /** γ of the focal loss. */
  readonly focalGamma?: number;
}

/** The sum of what heads answer [batch, outputs], each times its share [batch, 1] or, where none is given, times 1. */
export function sumOfAnswers(answers: readonly Tensor[], shares?: readonly Tensor[]): Tensor {
  return answers.map((own, i) => shares ? mul(own, shares[i]!) : own).reduce(add);
}

/** The mean of what heads answer, each by its share, in a graph of ONNX; all alike where no shares are given. */
export function meanInOnnx(answers: readonly Value[], shares?: readonly Value[]): Value {
  if (shares) return answers.map((own, i) => onnx.multiply(own, shares[i]!)).reduce(onnx.add);
  const sum = answers.reduce(onnx.add);
  return onnx.multiply(sum, onnx.scalar(1 / answers.length, sum));
}

/**
 * A task. Logits are f32 [batch, outputs]; targets are what the samples of a batch are to be, as the task has it: the numbers
 * of their classes, u32 [batch], in classification, and f32 [batch, outputs] in others.
 */
export interface Task {
  /** The name in configurations. */
  readonly name: string;
  /** The loss of a head, []: the mean over the batch. */
  loss(logits: Tensor, targets: Tensor, options?: HeadOptions): Tensor;
  /** 1 where the answer of a head is right, else 0: u32 [batch], without gradient. The types of pairs are made of it. */
  right(logits: Tensor, targets: Tensor): Tensor;
  /** The logits of the mean of what several heads answer, each by its share [batch, 1]; all alike if not given. */
  meanAnswer(logits: readonly Tensor[], shares?: readonly Tensor[]): Tensor;
  /** The same in a graph of ONNX. */
  meanAnswerToOnnx(logits: readonly Value[], shares?: readonly Value[]): Value;
}
