/** One of several classes: softmax and cross entropy, right where the largest logit is that of the label. */
import { argmax } from "../../ops/indexing.ts";
import { crossEntropy } from "../../ops/losses.ts";
import { isClass } from "../../ops/right.ts";
import { scope } from "../../tensor/scope.ts";
import { noGrad } from "../../tensor/tape.ts";
import type { Task } from "./task.ts";

export const classification: Task = {
  name: "classification",
  loss: crossEntropy,
  right: (logits, labels) => scope(() => noGrad(() => isClass(argmax(logits), labels))),
};
