/**
 * Late fusion: each modality is classified alone, and the answer is the mean of their probabilities,
 *
 *   p = 1/M Σ_m softmax(logits_m),   L = Σ_m CE_m.
 *
 * The fused logits are log p; in other tasks they are those of the mean of the answers. Nothing is learned from them, so the
 * encoders are those of models trained one by one.
 */
import { type Architecture, type BuiltArchitecture, FUSION } from "./architecture.ts";
import type { Method } from "./method.ts";
import { UnimodalHeads } from "./separate_heads.ts";

const averagedAnswers: Architecture = {
  description: "the mean of the probabilities of all modalities",
  build(path, parts): BuiltArchitecture {
    const heads = new UnimodalHeads(path, parts);
    const { task } = parts;
    return {
      unimodalHeads: Object.keys(parts.encoders),
      widths: heads.widths,
      hasFusion: true,
      forward(inputs, context) {
        const representations = heads.represent(inputs, context);
        const unimodalLogits = heads.classify(representations, context);
        return {
          representations,
          unimodalLogits,
          fusedLogits: task.meanAnswer(Object.values(unimodalLogits)),
        };
      },
      toOnnx(inputs) {
        const { representations, logits } = heads.toOnnx(inputs);
        return {
          representations,
          logits: { ...logits, [FUSION]: task.meanAnswerToOnnx(Object.values(logits)) },
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
  unimodalHeadsAreProbes: false,
};
