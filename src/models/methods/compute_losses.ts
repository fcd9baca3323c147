/** The losses of a method, from what a model makes of a batch. */
import { argmax } from "../../ops/indexing.ts";
import { crossEntropy } from "../../ops/losses.ts";
import { scale } from "../../ops/pointwise.ts";
import { scope } from "../../tensor/scope.ts";
import { noGrad } from "../../tensor/tape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { type ByModality, mapModalities, type ModalityPair, modalityPairs, sumOf } from "../losses/pairs.ts";
import type { ContrastSettings, Method } from "./method.ts";

/** What a model makes of a batch. */
export type Outputs = {
  readonly representations: ByModality<Tensor>; // [batch, width]
  readonly unimodalLogits: ByModality<Tensor>; // [batch, classes]
  /** Only where the method fuses. */
  readonly fusedLogits?: Tensor; // [batch, classes]
};

/** Losses are [], f32; predictions u32 [batch]. All of it stays on the device. */
export type Losses = {
  /** What training differentiates: `total`, and the losses of the heads that are probes. */
  readonly objective: Tensor;
  /** The loss of the method. */
  readonly total: Tensor;
  /** The sum of `unimodalOf`: equation 1. */
  readonly unimodal: Tensor;
  readonly unimodalOf: ByModality<Tensor>;
  /** Equation 4; only where the method fuses. */
  readonly multimodal?: Tensor;
  /** Equation 3, or what the method has in its place, not yet weighted; only where the method has one. */
  readonly contrastive?: Tensor;
  readonly pairs: readonly ModalityPair[];
  readonly predictions: ByModality<Tensor>;
  readonly fusedPrediction?: Tensor;
};

export type LossOptions = ContrastSettings & {
  /** λ, the weight of the contrastive loss. */
  readonly contrastiveWeight: number;
};

/** L = L_uni + L_multi + λ L_contrast, or what of it a method has; labels u32 [batch], each below the classes. */
export function computeLosses(
  method: Method,
  outputs: Outputs,
  labels: Tensor,
  { contrastiveWeight, ...settings }: LossOptions,
): Losses {
  const { representations, unimodalLogits, fusedLogits } = outputs;
  return scope(() => {
    const predictions = mapModalities(unimodalLogits, predict);
    const pairs = modalityPairs(predictions, labels);
    const unimodalOf = mapModalities(unimodalLogits, (logits) => crossEntropy(logits, labels));
    const unimodal = sumOf(Object.values(unimodalOf));
    const multimodal = fusedLogits && crossEntropy(fusedLogits, labels);
    const contrastive = method.contrast?.(representations, pairs, settings, labels);
    const shared = [
      ...(multimodal ? [multimodal] : []),
      ...(contrastive ? [scale(contrastive, contrastiveWeight)] : []),
    ];
    const objective = sumOf([unimodal, ...shared]);
    return {
      objective,
      total: method.unimodalHeadsAreProbes ? sumOf(shared) : objective,
      unimodal,
      unimodalOf,
      ...(multimodal && { multimodal }),
      ...(contrastive && { contrastive }),
      pairs,
      predictions,
      ...(fusedLogits && { fusedPrediction: predict(fusedLogits) }),
    };
  });
}

/** The class of the largest logit: [batch, classes] to u32 [batch]. */
export function predict(logits: Tensor): Tensor {
  return noGrad(() => argmax(logits));
}
