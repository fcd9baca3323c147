/** The losses of a method for the outputs of a model. */
import { mul } from "../../ops/arithmetic.ts";
import { full } from "../../ops/fill.ts";
import { scale } from "../../ops/pointwise.ts";
import { reshape } from "../../ops/shape.ts";
import { scope } from "../../tensor/scope.ts";
import { noGrad } from "../../tensor/tape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import {
  type ByModality,
  mapModalities,
  type ModalityPair,
  modalityPairs,
  samplesIn,
  sumOf,
} from "../losses/pairs.ts";
import type { PresenceInput } from "../encoders/inputs.ts";
import { FUSION, type Outputs } from "./architecture.ts";
import { AFTER_TRAINING, type ContrastSettings, type Moment } from "./contrast.ts";
import { classification } from "../tasks/classification.ts";
import type { HeadOptions, Task } from "../tasks/task.ts";
import { type Method, readOptions } from "./method.ts";
import type { Mixture } from "./mixture.ts";

/** Losses are [], f32. All of it stays on the device. */
export type Losses = {
  /** The loss that training differentiates: `total`, and the losses of the heads that are probes. */
  readonly objective: Tensor;
  /** The loss of the method. */
  readonly total: Tensor;
  /** The sum of `unimodalOf`: equation 1. */
  readonly unimodal: Tensor;
  readonly unimodalOf: ByModality<Tensor>;
  /** Equation 4; there only where the method fuses. */
  readonly multimodal?: Tensor;
  /** Equation 3, or the contrast that the method has in its place, not yet weighted; there only where it has one. */
  readonly contrastive?: Tensor;
  readonly pairs: readonly ModalityPair[];
  /** 1 where a modality is right, else 0, of the samples that have it: u32 [samples]; none where no sample has it. */
  readonly right: ByModality<Tensor>;
  readonly fusedRight?: Tensor;
};

export type LossOptions = ContrastSettings & {
  /** What all heads learn; classification if not given. */
  readonly task?: Task;
  /** How the losses of all heads weigh samples. */
  readonly head?: HeadOptions;
  /** What heads learn in place of the targets. */
  readonly mixture?: Mixture | undefined;
  /** λ, the weight of the contrastive loss. */
  readonly contrastiveWeight: number;
};

/**
 * Computes L = L_uni + L_multi + λ L_contrast, of which a method may lack terms; targets are those of the task, in
 * classification labels u32 [batch], each below the number of classes. `contrast` is that of the method, or of its architecture.
 *
 * A sample that lacks a modality counts 0 in the loss of its head, and is in no pair with it. The loss stays a mean over all
 * samples, so that it is the same in whatever micro-batches they come.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Gpu, Tensor } from "unis/engine";
 * import { chooseMethod, computeLosses } from "unis/models";
 *
 * const gpu = await Gpu.open();
 * const zeros = (width: number) => Tensor.from(gpu, new Float32Array(2 * width), [2, width]);
 * const outputs = {
 *   representations: { image: zeros(4), text: zeros(4) },
 *   unimodalLogits: { image: zeros(3), text: zeros(3) },
 *   fusedLogits: zeros(3),
 * };
 * const { method } = chooseMethod("mt-mml", ["image", "text"]);
 * const options = { temperature: 0.07, contrastiveWeight: 0.1 };
 * const { total } = computeLosses(method, outputs, Tensor.from(gpu, Uint32Array.of(0, 2), [2]), options);
 * // Each of the three heads is as unsure as can be: ln 3.
 * assert.ok(Math.abs((await total.read())[0]! - 3 * Math.log(3)) < 1e-5);
 * gpu.destroy();
 * ```
 */
export function computeLosses(
  method: Method,
  outputs: Outputs,
  targets: Tensor,
  { contrastiveWeight, task = classification, head = {}, mixture, ...settings }: LossOptions,
  moment: Moment = AFTER_TRAINING,
  contrast = method.contrast,
): Losses {
  const { representations, unimodalLogits, fusedLogits, presence = {} } = outputs;
  const complete = { ...settings, options: settings.options ?? readOptions(method) };
  const lossOf = (logits: Tensor, name: string) => {
    const learned = mixture?.heads.includes(name) ? mixture.targets : [{ targets }];
    return sumOf(
      learned.map(({ targets, ...weights }) =>
        task.loss(logits, targets, ofThose(presence[name], { ...head, ...weights }))
      ),
    );
  };
  return scope(() => {
    const answers = mapModalities(unimodalLogits, (logits) => task.right(logits, targets));
    const pairs = modalityPairs(answers, presence);
    const unimodalOf = mapModalities(unimodalLogits, lossOf);
    const own = Object.values(unimodalOf);
    const unimodal = own.length > 0 ? sumOf(own) : full(targets.gpu, [], 0);
    const { learnsFusedLoss = true } = method;
    const fused = () => fusedLogits && lossOf(fusedLogits, FUSION);
    const multimodal = learnsFusedLoss ? fused() : noGrad(fused);
    const hasPairs = pairs.length > 0 || Object.keys(presence).length === 0;
    const contrastive = contrast && hasPairs
      ? contrast(representations, pairs, complete, targets, moment)
      : contrast && full(targets.gpu, [], 0);
    const shared = [
      ...(multimodal && learnsFusedLoss ? [multimodal] : []),
      ...(contrastive ? [scale(contrastive, method.contrastWeight ?? contrastiveWeight)] : []),
    ];
    const objective = sumOf([...(own.length > 0 ? [unimodal] : []), ...shared]);
    return {
      objective,
      total: method.unimodalHeadsAreProbes ? sumOf(shared) : objective,
      unimodal,
      unimodalOf,
      ...(multimodal && { multimodal }),
      ...(contrastive && { contrastive }),
      pairs,
      right: ofWhatIsThere(answers, presence),
      ...(fusedLogits && { fusedRight: task.right(fusedLogits, targets) }),
    };
  });
}

/** Has samples that lack a modality count nothing in the loss of its head. */
function ofThose(presence: PresenceInput | undefined, head: HeadOptions): HeadOptions {
  if (presence === undefined) return head;
  const there = reshape(presence.indicator, [-1]);
  return { ...head, rowWeights: head.rowWeights ? mul(head.rowWeights, there) : there };
}

/** Where each modality is right, without the samples that lack it. */
function ofWhatIsThere(
  answers: ByModality<Tensor>,
  presence: ByModality<PresenceInput>,
): ByModality<Tensor> {
  const known = Object.entries(answers).filter(([name]) =>
    presence[name] === undefined || presence[name].samples
  );
  return mapModalities(Object.fromEntries(known), (own, name) => samplesIn(presence[name]?.samples, own));
}
