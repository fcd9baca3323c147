/** How a model learns from a micro-batch: what is frozen, what is random, and the gradient. */
import type { Batch, Mix } from "../data/batch.ts";
import type { Visit } from "../data/epoch.ts";
import type { Gpu } from "../gpu/gpu.ts";
import type { Losses } from "../models/methods/compute_losses.ts";
import type { Moment } from "../models/methods/contrast.ts";
import type { MixedTargets } from "../models/methods/mixture.ts";
import type { MultimodalClassifier } from "../models/multimodal_classifier.ts";
import type { Context } from "../nn/context.ts";
import { isFrozen } from "../nn/freezing.ts";
import { isAdapter } from "../nn/low_rank.ts";
import type { Parameters } from "../nn/parameters.ts";
import { backward } from "../ops/backward.ts";
import { full } from "../ops/fill.ts";
import { matches } from "../optim/groups.ts";
import type { LossScale } from "../optim/loss_scale.ts";
import type { GradientWatch } from "../tensor/open_leaves.ts";
import { RandomKeys } from "../tensor/random.ts";
import { scope } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";
import { UserError } from "../base/user_error.ts";
import { buildModel } from "../build/build_model.ts";
import type { ModelData } from "../build/resolve_encoders.ts";
import { HEADS, partOf } from "./model_parts.ts";
import { resolveMethod } from "../config/method_config.ts";
import type { RunConfig, SettledConfig } from "../config/run_config.ts";

/**
 * Declares the model of a configuration as it is trained: with adapters where it asks for some, and frozen where it says, which
 * an encoder with adapters is but for these. Throws a UserError where configuration and data do not fit.
 */
export function declareModel(
  parameters: Parameters,
  config: RunConfig,
  data: ModelData,
  classWeights?: readonly number[],
): MultimodalClassifier {
  const { encoders, lora } = config.model;
  if (lora !== undefined) {
    const isTarget = (layer: string) =>
      partOf(layer) in encoders && lora.targets.some((target) => matches(layer, target));
    parameters.adapt({ rank: lora.rank, alpha: lora.alpha, isTarget });
  }
  const model = buildModel(parameters.root, config, data, classWeights);
  const adapted = new Set(
    [...parameters].filter(({ name }) => isAdapter(name)).map(({ name }) => partOf(name)),
  );
  if (lora !== undefined && adapted.size === 0) throw noTarget(parameters, lora.targets);
  parameters.freeze((name) => {
    const part = partOf(name);
    const encoder = encoders[part];
    if (encoder === undefined) return false;
    return isFrozen(name.slice(part.length + 1), encoder.frozen) || adapted.has(part) && !isAdapter(name);
  });
  return model;
}

function noTarget(parameters: Parameters, targets: readonly string[]): UserError {
  const matrices = [...parameters].filter(({ name, shape }) =>
    shape.length === 2 && name.endsWith(".weight") && partOf(name) !== HEADS
  ).map(({ name }) => name.replace(/\.weight$/, ""));
  return new UserError(
    `"model.lora.targets" is ${
      targets.join(", ")
    }, which no linear layer of an encoder matches; names of layers are like ` +
      `"${matrices[0]}" and "${matrices.at(-1)}", and * stands for anything`,
  );
}

/** `number` counts all micro-batches of the run and picks the random numbers of dropout, if there is to be any. */
export function trainingContext(config: RunConfig, number: number, withDropout = true): Context {
  const { seed, model: { checkpointing }, training: { precision } } = config;
  const keys = withDropout && { keys: new RandomKeys(seed, number) };
  return { ...keys, training: true, recompute: checkpointing, precision };
}

/** The point of training of the micro-batch `number`, of epochs of so many samples. */
export function trainingMoment(
  { seed, training }: SettledConfig,
  number: number,
  samples: number,
  { keys }: Context,
): Moment {
  const { epochs, micro_batch } = training;
  const epoch = Math.floor(number / Math.ceil(samples / micro_batch));
  // What a loss draws does not hang on dropout, which may be off.
  return { epoch, epochs, keys: keys ?? new RandomKeys(seed, number) };
}

/** How samples are visited: as published where the configuration says so, and only what the encoders in use read. */
export function visitOf(config: RunConfig): Visit {
  const { unshuffled, incomplete_dropped: incompleteDropped } = config.semantics;
  return {
    unshuffled,
    incompleteDropped,

    only: resolveMethod(config).modalities,
  };
}

/** The same in training, where as many batches of each process are visited. */
export function trainingVisitOf(config: RunConfig): Visit {
  return { ...visitOf(config), processes: config.training.processes };
}

/**
 * What a micro-batch's mean loss weighs in a step of `inStep` samples: its share of them, which makes the step's loss the
 * mean over its samples, a shorter micro-batch included. As published, gradients of micro-batches are added up, those of
 * data-parallel processes averaged first: 1 / `training.processes`. A step's is then about as many times larger as a process
 * has micro-batches (which Adam's scale does not see, but its epsilon, an L2 decay and a bound on the norm do).
 */
export function microBatchWeight(
  size: number,
  inStep: number,
  { semantics, training }: Pick<RunConfig, "semantics" | "training">,
): number {
  return semantics.summed_accumulation ? 1 / training.processes : size / inStep;
}

/** What may go with a micro-batch. */
export interface Differentiation {
  /** Sees the losses while they are there. */
  readonly measure?: (losses: Losses) => void;
  readonly lossScale?: LossScale | undefined;
  readonly moment?: Moment;
  /** Is told which gradients are whole while the backward pass goes on. */
  readonly watch?: GradientWatch | undefined;
}

/** Adds `weight` times the gradient of a batch's mean loss to the gradients, or `lossScale` times that. */
export function differentiate(
  gpu: Gpu,
  model: MultimodalClassifier,
  batch: Batch,
  context: Context,
  weight: number,
  { measure, lossScale, moment, watch }: Differentiation = {},
): void {
  scope(() => {
    const targets = targetsOf(gpu, batch);
    const inputs = model.upload(gpu, batch.modalities);
    const weights = batch.weights && Tensor.from(gpu, batch.weights, [batch.size]);
    const mixed = batch.mix && mixedTargets(gpu, batch, batch.mix);
    const losses = model.losses(model.forward(inputs, context), targets, moment, weights, mixed);
    measure?.(losses);
    backward(losses.objective, lossScale ? lossScale.seed(weight) : full(gpu, [], weight), watch);
  });
}

/** What is learned of mixed images: a sample's own target by its share and its partner's by the rest, each as its sample counts. */
export function mixedTargets(
  gpu: Gpu,
  batch: Pick<Batch, "size" | "labels" | "targets" | "weights">,
  { partners, shares }: Mix,
): MixedTargets {
  const counts = (row: number) => batch.weights?.[row] ?? 1;
  const upload = (values: Float32Array<ArrayBuffer>) => Tensor.from(gpu, values, [batch.size]);
  return [
    { targets: targetsOf(gpu, batch), rowWeights: upload(shares.map((share, row) => share * counts(row))) },
    {
      targets: targetsOf(gpu, batch, partners),
      rowWeights: upload(shares.map((share, row) => (1 - share) * counts(partners[row]!))),
    },
  ];
}

/**
 * What the samples of a batch, or others of it in their places, are to be, as the task of the model takes it: u32 [batch] or f32
 * [batch, outputs].
 */
function targetsOf(
  gpu: Gpu,
  { size, labels, targets }: Pick<Batch, "size" | "labels" | "targets">,
  rows: Uint32Array = Uint32Array.from({ length: size }, (_, row) => row),
): Tensor {
  if (targets === undefined) return Tensor.from(gpu, Uint32Array.from(rows, (row) => labels[row]!), [size]);
  const outputs = targets.length / size;
  const values = new Float32Array(targets.length);
  for (const [to, from] of rows.entries()) {
    values.set(targets.subarray(from * outputs, (from + 1) * outputs), to * outputs);
  }
  return Tensor.from(gpu, values, [size, outputs]);
}
