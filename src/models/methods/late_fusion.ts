/**
 * Late fusion: each modality is classified alone, and the answer is the mean of their probabilities,
 *
 *   p = 1/M Σ_m softmax(logits_m),   L = Σ_m CE_m.
 *
 * The fused logits are log p; in other tasks they are those of the mean of the answers. Nothing is learned from them, so the
 * encoders are those of models trained one by one. The mean is over the modalities that a sample has.
 */
import type { Value } from "../../onnx/graph.ts";
import * as onnx from "../../onnx/operators.ts";
import { add, div } from "../../ops/arithmetic.ts";
import { affine, relu } from "../../ops/pointwise.ts";
import { type Architecture, type BuiltArchitecture, FUSION } from "./architecture.ts";
import type { Method } from "./method.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { DeviceInputs, GraphInputs } from "../encoders/inputs.ts";
import { presenceIn } from "../encoders/optional.ts";
import type { ByModality } from "../losses/pairs.ts";
import { indicatorsOf, presentIn, UnimodalHeads } from "./separate_heads.ts";

/** What the answer of each modality counts in the mean, [batch, 1], where samples lack some; undefined where they do not. */
function sharesOf(
  inputs: ByModality<DeviceInputs>,
  logits: readonly Tensor[],
): readonly Tensor[] | undefined {
  if (Object.values(inputs).every((own) => presenceIn(own) === undefined)) return undefined;
  const indicators = indicatorsOf(Object.keys(inputs), inputs, logits[0]!);
  const atLeastOne = (count: Tensor) => affine(relu(affine(count, 1, -1)), 1, 1); // where none is there, all are alike
  const count = atLeastOne(indicators.reduce(add));
  return indicators.map((indicator) => div(indicator, count));
}

/** The same in a graph of ONNX. */
function sharesInOnnx(inputs: ByModality<GraphInputs>, like: Value): Value[] {
  const indicators = presentIn(inputs, like);
  const count = indicators.reduce(onnx.add);
  return indicators.map((indicator) => onnx.divide(indicator, count));
}

const averagedAnswers: Architecture = {
  description: "the mean of the probabilities of all modalities",
  build(path, parts): BuiltArchitecture {
    const heads = new UnimodalHeads(path, parts);
    const { task } = parts;
    return {
      unimodalHeads: Object.keys(parts.encoders),
      widths: heads.widths,
      hasFusion: true,
      takesRepresentations: true,
      forward(inputs, context) {
        const representations = heads.represent(inputs, context);
        const unimodalLogits = heads.classify(representations, context);
        const logits = Object.values(unimodalLogits);
        return {
          representations,
          unimodalLogits,
          fusedLogits: task.meanAnswer(logits, sharesOf(inputs, logits)),
        };
      },
      toOnnx(inputs) {
        const { representations, logits } = heads.toOnnx(inputs);
        return {
          representations,
          logits: {
            ...logits,
            [FUSION]: task.meanAnswerToOnnx(
              Object.values(logits),
              parts.isToldPresence ? sharesInOnnx(inputs, Object.values(logits)[0]!) : undefined,
            ),
          },
        };
      },
    };
  },
};

export const lateFusion: Method = {
  name: "late-fusion",
  description: "unimodal losses; the answer is the mean of the unimodal probabilities",
  architecture: averagedAnswers,
  learnsFusedLoss: false,
  skipsMissing: true,
  unimodalHeadsAreProbes: false,
};
