/** Methods of multimodal classification: which losses a model learns from. */
import { argmax } from "../../ops/indexing.ts";
import { crossEntropy } from "../../ops/losses.ts";
import { scale } from "../../ops/pointwise.ts";
import { scope } from "../../tensor/scope.ts";
import { noGrad } from "../../tensor/tape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { supervisedContrast, unsupervisedContrast } from "../losses/batch_contrast.ts";
import {
  type ByModality,
  type ContrastOptions,
  type ModalityPair,
  modalityPairs,
  sumOf,
  unisContrast,
} from "../losses/contrastive.ts";

export type Method = {
  /**
   * True: the unimodal heads learn on detached representations. They tell how good each representation is, and encoders
   * and fusion learn from the fused loss alone, as if those heads did not exist. (A norm over all gradients sees them.)
   */
  readonly unimodalHeadsAreProbes: boolean;
  /** A loss [] between the representations of pairs of modalities; it compares them, so they must be equally wide. */
  readonly contrast?: (
    representations: ByModality<Tensor>,
    pairs: readonly ModalityPair[],
    options: ContrastOptions,
    labels: Tensor,
  ) => Tensor;
};

/** By name; beside these, the name of a modality stands for the model of that modality alone. */
export const METHODS: Readonly<Record<string, Method>> = {
  /** Equation 5 of the paper. */
  "unis-mmc": { unimodalHeadsAreProbes: false, contrast: unisContrast },
  /** The paper's baseline AggMM: the fused loss only. */
  "agg-mm": { unimodalHeadsAreProbes: true },
  /** MT-MML: fused and unimodal losses, AggMM + L_uni in the paper's Table 4. */
  "mt-mml": { unimodalHeadsAreProbes: false },
  /** UnSupMMC: the fused loss and, weighted by λ, the contrast of paired modalities within a batch. */
  "unsup-mmc": { unimodalHeadsAreProbes: true, contrast: unsupervisedContrast },
  /** SupMMC: the fused loss and, weighted by λ, the contrast of labels within a batch. */
  "sup-mmc": { unimodalHeadsAreProbes: true, contrast: supervisedContrast },
};

/** One encoder and its head, learning from its own loss: there is nothing to fuse. */
export const SINGLE: Method = { unimodalHeadsAreProbes: false };

/** What a model makes of a batch. */
export type Outputs = {
  readonly representations: ByModality<Tensor>; // [batch, width]
  readonly unimodalLogits: ByModality<Tensor>; // [batch, classes]
  /** Not of a single modality. */
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
  /** Equation 4; only where modalities are fused. */
  readonly multimodal?: Tensor;
  /** Equation 3, or what the method has in its place, not yet weighted; only where the method has one. */
  readonly contrastive?: Tensor;
  readonly pairs: readonly ModalityPair[];
  readonly predictions: ByModality<Tensor>;
  readonly fusedPrediction?: Tensor;
};

export type LossOptions = ContrastOptions & {
  /** λ, the weight of the contrastive loss. */
  readonly contrastiveWeight: number;
};

/** L = L_uni + L_multi + λ L_contrast, or what of it a method has; labels u32 [batch], each below the classes. */
export function computeLosses(
  method: Method,
  outputs: Outputs,
  labels: Tensor,
  { contrastiveWeight, ...options }: LossOptions,
): Losses {
  const { representations, unimodalLogits, fusedLogits } = outputs;
  return scope(() => {
    const predictions = mapModalities(unimodalLogits, predict);
    const pairs = modalityPairs(predictions, labels);
    const unimodalOf = mapModalities(unimodalLogits, (logits) => crossEntropy(logits, labels));
    const unimodal = sumOf(Object.values(unimodalOf));
    const multimodal = fusedLogits && crossEntropy(fusedLogits, labels);
    const contrastive = method.contrast?.(representations, pairs, options, labels);
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

/** The same keys with other values. */
export function mapModalities<A, B>(
  values: ByModality<A>,
  change: (value: A, modality: string) => B,
): ByModality<B> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, change(value, name)]));
}
