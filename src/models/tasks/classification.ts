/** One of several classes: softmax and cross entropy, right where the largest logit is that of the label. */
import * as onnx from "../../onnx/operators.ts";
import { argmax } from "../../ops/indexing.ts";
import { crossEntropy } from "../../ops/losses.ts";
import { affine, log } from "../../ops/pointwise.ts";
import { isClass } from "../../ops/right.ts";
import { softmax } from "../../ops/softmax.ts";
import { scope } from "../../tensor/scope.ts";
import { noGrad } from "../../tensor/tape.ts";
import { meanInOnnx, sumOfAnswers, type Task } from "./task.ts";

/** Keeps the logarithm finite where every head is certain of other classes. */
const LEAST = 1e-30;

export const classification: Task = {
  name: "classification",
  loss: crossEntropy,
  right: (logits, labels) => scope(() => noGrad(() => isClass(argmax(logits), labels))),
  // log of the mean of the probabilities
  meanAnswer: (logits, shares) =>
    scope(() =>
      log(affine(sumOfAnswers(logits.map(softmax), shares), shares ? 1 : 1 / logits.length, LEAST))
    ),
  meanAnswerToOnnx(logits, shares) {
    const mean = meanInOnnx(logits.map(onnx.softmax), shares);
    return onnx.log(onnx.add(mean, onnx.scalar(LEAST, mean)));
  },
};
