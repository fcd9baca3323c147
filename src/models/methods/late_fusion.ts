/**
 * Late fusion: each modality is classified alone, and the answer is the mean of their probabilities,
 *
 *   p = 1/M Σ_m softmax(logits_m),   L = Σ_m CE_m.
 *
 * The fused logits are log p. Nothing is learned from them, so the encoders are those of models trained one by one.
 */
import type { Value } from "../../onnx/graph.ts";
import * as onnx from "../../onnx/operators.ts";
import { add } from "../../ops/arithmetic.ts";
import { affine, log } from "../../ops/pointwise.ts";
import { softmax } from "../../ops/softmax.ts";
import { scope } from "../../tensor/scope.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { type Architecture, type BuiltArchitecture, FUSION } from "./architecture.ts";
import type { Method } from "./method.ts";
import { UnimodalHeads } from "./separate_heads.ts";

/** Keeps the logarithm finite where every modality is certain of other classes. */
const LEAST = 1e-30;

/** log of the mean of the probabilities of several logits, [batch, classes]. */
export function meanAnswer(logits: readonly Tensor[]): Tensor {
  return scope(() => log(affine(logits.map(softmax).reduce(add), 1 / logits.length, LEAST)));
}

/** The same in a graph of ONNX. */
export function meanAnswerToOnnx(logits: readonly Value[]): Value {
  const sum = logits.map(onnx.softmax).reduce(onnx.add);
  const mean = onnx.multiply(sum, onnx.scalar(1 / logits.length, sum));
  return onnx.log(onnx.add(mean, onnx.scalar(LEAST, mean)));
}

const averagedAnswers: Architecture = {
  description: "the mean of the probabilities of all modalities",
  build(path, parts): BuiltArchitecture {
    const heads = new UnimodalHeads(path, parts);
    return {
      unimodalHeads: Object.keys(parts.encoders),
      widths: heads.widths,
      hasFusion: true,
      forward(inputs, context) {
        const representations = heads.represent(inputs, context);
        const unimodalLogits = heads.classify(representations, context);
        return { representations, unimodalLogits, fusedLogits: meanAnswer(Object.values(unimodalLogits)) };
      },
      toOnnx(inputs) {
        const { representations, logits } = heads.toOnnx(inputs);
        return { representations, logits: { ...logits, [FUSION]: meanAnswerToOnnx(Object.values(logits)) } };
      },
    };
  },
};

export const lateFusion: Method = {
  name: "late-fusion",
  description: "unimodal losses; the answer is the mean of the unimodal probabilities",
  architecture: averagedAnswers,
  learnsFusedLoss: false,
  unimodalHeadsAreProbes: false,
};
