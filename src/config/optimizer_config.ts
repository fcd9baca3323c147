/** The configuration of the optimizer and of its rates. */
import * as z from "zod";
import { OPTIMIZER_NAMES, OPTIMIZERS, OWN_SETTINGS, type OwnSetting } from "../optim/registry.ts";
import { SCHEDULES } from "../optim/schedule.ts";
import { decay, rate, share, whole } from "./values.ts";

const list = z.array(z.string());

export const optimizerSchema = z.strictObject({
  /**
   * adam: weights decay within the gradient, as in torch's Adam (L2); adamw: beside it, as in torch's AdamW; rmsprop: as in
   * torch's RMSprop.
   */
  name: z.enum(OPTIMIZER_NAMES).default("adam"),
  encoder_learning_rate: rate,
  head_learning_rate: rate,
  /** Rates of single encoders, by the name of the modality. */
  learning_rates: z.record(z.string(), rate),
  /** Rates of single heads: a modality, or "fusion". */
  head_learning_rates: z.record(z.string(), rate).default({}),
  /** Rates of parameters by patterns of their names, in which * stands for anything; the last that matches counts. */
  rate_patterns: z.record(z.string().min(1), rate).default({}),
  /** What each layer of an encoder learns slower than the one above it: see `ratesByLayer`; 1 for not at all. */
  layer_decay: rate.max(1).default(1),
  /** The weight decay; biases and norms have none, but for `decay_vectors`. */
  weight_decay: decay,
  /** The weight decay of single parts: an encoder, by the name of its modality, or "heads". */
  weight_decays: z.record(z.string(), decay).default({}),
  /** Biases and norms decay too: of all parts, or of those named as in `weight_decays`. */
  decay_vectors: z.union([z.boolean(), list], { error: "true, false or a list of parts" }).default(false),
  beta1: share.lt(1),
  beta2: share.lt(1),
  epsilon: rate,
  /** adam and adamw: moments are corrected for the first steps; without it, as in the Adam that came with BERT. */
  bias_correction: z.boolean().default(OWN_SETTINGS.bias_correction),
  /** rmsprop: how slowly the mean of squares forgets, and the share of a step that is taken again in the next. */
  alpha: share.lt(1).default(OWN_SETTINGS.alpha),
  momentum: share.lt(1).default(OWN_SETTINGS.momentum),
  /** Optimizer steps over which the rates rise to their values; 0 for none. */
  warmup_steps: whole.min(0),
  /** The same as a share of all steps, in place of `warmup_steps`. */
  warmup_share: share.lt(1).default(0),
  /** After that: lower on a plateau (see there), down to 0 at the last step on a line or half a cosine, or constant. */
  schedule: z.enum(SCHEDULES).default("plateau"),
  /** Weights are evaluated and kept as their exponential moving average over the steps by this decay; 0 for none. */
  ema_decay: share.lt(1).default(0),
  /** A step's gradient that is longer, over all parameters together, is shortened to it; null for never. */
  max_gradient_norm: rate.nullable().default(null),
  /** The same for the gradient of each parameter by itself. */
  max_parameter_gradient_norm: rate.nullable().default(null),
});

/** Reduces the learning rates when the metric of validation has not become better for more than `patience` validations. */
export const plateauSchema = z.strictObject({
  factor: z.number().gt(0).lt(1),
  patience: whole.min(0),
  /** The share of the best by which a metric must beat it. */
  threshold: share.lt(1),
  /** No rate falls below. */
  minimum_learning_rate: z.number().min(0),
  /** Not for schedule "plateau" alone, but beside the other schedules too: rates are the product of both. */
  with_schedule: z.boolean().default(false),
});

/** Says what no key can be blamed for alone, if anything. */
export function wrongInOptimizer(optimizer: z.infer<typeof optimizerSchema>): string | undefined {
  const { name, warmup_steps, warmup_share, max_gradient_norm, max_parameter_gradient_norm } = optimizer;
  const heeds: readonly OwnSetting[] = OPTIMIZERS[name].heeds;
  for (const [setting, idle] of Object.entries(OWN_SETTINGS) as [OwnSetting, boolean | number][]) {
    if (optimizer[setting] === idle || heeds.includes(setting)) continue;
    const others = OPTIMIZER_NAMES.filter((one) =>
      (OPTIMIZERS[one].heeds as readonly OwnSetting[]).includes(setting)
    );
    return `"optimizer.${setting}" must be ${idle} where "optimizer.name" is ${name}: it is for ${
      others.join(" and ")
    }`;
  }
  if (warmup_share > 0 && warmup_steps > 0) {
    return `"optimizer.warmup_steps" must be 0 where "optimizer.warmup_share" is ${warmup_share}, got ${warmup_steps}`;
  }
  return max_gradient_norm !== null && max_parameter_gradient_norm !== null
    ? '"optimizer.max_parameter_gradient_norm" must be null where "optimizer.max_gradient_norm" is not: gradients are ' +
      "shortened all together or each by itself"
    : undefined;
}
