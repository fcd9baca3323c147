/** How a model learns from a micro-batch: what is frozen, what is random, and the gradient. */
import type { Batch } from "../data/batch.ts";
import type { Gpu } from "../gpu/gpu.ts";
import type { Losses } from "../models/methods.ts";
import type { UnisMmc } from "../models/unis_mmc.ts";
import type { Context } from "../nn/context.ts";
import { isFrozen } from "../nn/freezing.ts";
import type { Parameters } from "../nn/parameters.ts";
import { backward } from "../ops/backward.ts";
import { full } from "../ops/pointwise.ts";
import { RandomKeys } from "../tensor/random.ts";
import { scope } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";
import type { RunConfig } from "./config.ts";

/** Freezes what a configuration says; before memory is allocated. */
export function freezeParameters(parameters: Parameters, { model }: RunConfig): void {
  parameters.freeze((name) => {
    const part = name.slice(0, name.indexOf("."));
    const encoder = model.encoders[part];
    return encoder !== undefined && isFrozen(name.slice(part.length + 1), encoder.frozen);
  });
}

/** `number` counts all micro-batches of the run and picks the random numbers of dropout. */
export function trainingContext({ seed, model }: RunConfig, number: number): Context {
  return { keys: new RandomKeys(seed, number), checkpointing: model.checkpointing };
}

/**
 * Adds `weight` times the gradient of a batch's mean loss to the gradients; `measure` sees the losses, and the labels
 * u32 [batch], while they are there.
 */
export function differentiate(
  gpu: Gpu,
  model: UnisMmc,
  batch: Batch,
  context: Context,
  weight: number,
  measure: (losses: Losses, labels: Tensor) => void = () => {},
): void {
  scope(() => {
    const labels = Tensor.from(gpu, batch.labels.slice(), [batch.size]);
    const inputs = model.upload(gpu, batch.modalities);
    const losses = model.losses(model.forward(inputs, context), labels);
    measure(losses, labels);
    backward(losses.objective, full(gpu, [], weight));
  });
}
