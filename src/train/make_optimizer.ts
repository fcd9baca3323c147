/** From a configuration to an optimizer: groups by part, each with its rate, its decay, and the epochs for which it is held. */
import type { FrozenEpochs } from "../config/encoder_config.ts";
import type { RunConfig } from "../config/run_config.ts";
import { UserError } from "../base/user_error.ts";
import type { Parameters } from "../nn/parameters.ts";
import { METRICS } from "../metrics/chosen_metric.ts";
import { groupByPart, matches } from "../optim/groups.ts";
import type { Optimizer } from "../optim/optimizer.ts";
import type { StepOptions } from "../optim/optimizer_options.ts";
import { ReduceOnPlateau } from "../optim/plateau.ts";
import { OPTIMIZERS } from "../optim/registry.ts";
import { rateFactor } from "../optim/schedule.ts";
import { HEADS, partOf } from "./model_parts.ts";

type Settings = RunConfig["optimizer"];

/** The rates of the parts that are learned: encoders, "heads", and heads with a rate of their own, "heads.text". */
export function ratesByPart(parameters: Parameters, { optimizer }: RunConfig): Record<string, number> {
  const names = [...parameters].filter(({ frozen }) => !frozen).map(({ name }) => name);
  const rates: Record<string, number> = {};
  for (const part of new Set(names.map(partOf))) {
    rates[part] = part === HEADS
      ? optimizer.head_learning_rate
      : optimizer.learning_rates[part] ?? optimizer.encoder_learning_rate;
  }
  for (const [head, rate] of Object.entries(optimizer.head_learning_rates)) {
    const part = `${HEADS}.${head}`;
    if (names.some((name) => name.startsWith(`${part}.`))) rates[part] = rate;
  }
  return rates;
}

/** `parameters` are allocated. Throws a UserError where `frozen_epochs` names what no parameter is called. */
export function makeOptimizer(
  parameters: Parameters,
  config: RunConfig,
  { rates, stepsOf }: { rates: Readonly<Record<string, number>>; stepsOf: (epochs: number) => number },
): Optimizer {
  const { optimizer } = config;
  const { rate_patterns: patterns } = optimizer;
  const layers = ratesByLayer(parameters, rates, optimizer.layer_decay);
  mustMatch(parameters, patterns);
  const { groups, groupOf } = groupByPart({
    rates: { ...rates, ...layers },
    patterns,
    weightDecay: optimizer.weight_decay,
    weightDecays: optimizer.weight_decays,
    decayVectors: optimizer.decay_vectors,
    heldSteps: Object.fromEntries(
      heldEpochs(parameters, config).map(([name, epochs]) => [name, stepsOf(epochs)]),
    ),
  });
  if (Object.keys({ ...layers, ...patterns }).length === 0) {
    return OPTIMIZERS[optimizer.name].create(parameters, { groups, groupOf }, optimizer);
  }
  // Layers and patterns make more groups than there are parameters for, and than an optimizer may have.
  const used = new Set([...Object.keys(rates), ...[...parameters].map(groupOf)]);
  const own = Object.fromEntries(Object.entries(groups).filter(([name]) => used.has(name)));
  return OPTIMIZERS[optimizer.name].create(parameters, { groups: own, groupOf }, optimizer);
}

/**
 * Layer-wise decay of rates, as BEiT has it (Bao et al., 2022): of an encoder of L layers, layer l from 0 learns at decay^(L − l)
 * of its rate, the embeddings at decay^(L + 1), and what follows the layers, as heads do, at all of it. By the beginnings of
 * names; throws a UserError where no encoder has layers.
 */
export function ratesByLayer(
  parameters: Parameters,
  rates: Readonly<Record<string, number>>,
  decay: number,
): Record<string, number> {
  const found: Record<string, number> = {};
  if (decay === 1) return found;
  const names = [...parameters].map(({ name }) => name);
  for (const [part, rate] of Object.entries(rates)) {
    const layers = names.flatMap((name) => {
      const layer = name.startsWith(`${part}.`) ? /^(.*?\blayer\.)(\d+)\./.exec(name) : null;
      return layer === null ? [] : [{ beginning: layer[1]!, number: Number(layer[2]) }];
    });
    if (partOf(`${part}.`) === HEADS || layers.length === 0) continue;
    const count = 1 + Math.max(...layers.map(({ number }) => number));
    for (const { beginning, number } of layers) {
      found[`${beginning}${number}`] = rate * decay ** (count - number);
    }
    found[`${part}.embeddings`] = rate * decay ** (count + 1);
  }
  if (Object.keys(found).length > 0) return found;
  throw new UserError(
    `"optimizer.layer_decay" must be 1, got ${decay}: no encoder that is learned has layers one after the other`,
  );
}

/** Throws a UserError for a pattern that matches no parameter that is learned. */
function mustMatch(parameters: Parameters, patterns: Readonly<Record<string, number>>): void {
  const names = [...parameters].filter(({ frozen }) => !frozen).map(({ name }) => name);
  for (const pattern of Object.keys(patterns)) {
    if (names.some((name) => matches(name, pattern))) continue;
    throw new UserError(
      `"optimizer.rate_patterns" has "${pattern}", which matches no parameter that is learned; their names are like ` +
        `"${names[0]}" and "${names.at(-1)}", and * stands for anything`,
    );
  }
}

/** Lowers the rates of an optimizer where the metric of validation stops getting better. */
export function makePlateau(optimizer: Optimizer, { plateau, training }: RunConfig): ReduceOnPlateau {
  return new ReduceOnPlateau(optimizer, {
    mode: METRICS[training.metric].mode,
    factor: plateau.factor,
    patience: plateau.patience,
    threshold: plateau.threshold,
    minimum: plateau.minimum_learning_rate,
  });
}

/** How long the gradients of a step may be. */
export function boundsOf(settings: Settings): Pick<StepOptions, "maxNorm" | "maxParameterNorm"> {
  const { max_gradient_norm: maxNorm, max_parameter_gradient_norm: maxParameterNorm } = settings;
  return { ...(maxNorm !== null && { maxNorm }), ...(maxParameterNorm !== null && { maxParameterNorm }) };
}

/** What the rates of a step are multiplied by, in a run of so many steps. */
export function rateFactorAt(
  { schedule, warmup_steps, warmup_share }: Settings,
  step: number,
  steps: number,
): number {
  const warmup = warmup_share > 0 ? Math.ceil(warmup_share * steps) : warmup_steps;
  return rateFactor(schedule, step, warmup, steps);
}

/** Throws a UserError for a schedule that ends before it has begun. */
export function mustFitSteps({ schedule, warmup_steps }: Settings, steps: number): void {
  if (schedule !== "cosine" && schedule !== "linear" || warmup_steps < steps) return;
  throw new UserError(
    `"optimizer.warmup_steps" must be below the ${steps} steps of all epochs where "optimizer.schedule" is ` +
      `${schedule}, got ${warmup_steps}`,
  );
}

/** The beginnings of names and the epochs for which these are held. */
function heldEpochs(parameters: Parameters, { model }: RunConfig): [string, number][] {
  const names = [...parameters].map(({ name }) => name);
  return Object.entries(model.encoders).flatMap(([encoder, { frozen_epochs: epochs }]) => {
    const own = names.filter((name) => partOf(name) === encoder);
    if (epochs === undefined || own.length === 0) return []; // without parameters the method is that of another encoder
    const held = flattened(encoder, epochs);
    for (const [beginning] of held) {
      if (own.some((name) => name === beginning || name.startsWith(`${beginning}.`))) continue;
      const first = new Set(own.map((name) => name.split(".")[1]!));
      throw new UserError(
        `"model.encoders.${encoder}.frozen_epochs" names "${
          beginning.slice(encoder.length + 1)
        }", which no parameter of ` +
          `it begins with; they begin with ${[...first].join(", ")}`,
      );
    }
    return held;
  });
}

function flattened(beginning: string, epochs: FrozenEpochs): [string, number][] {
  if (typeof epochs === "number") return [[beginning, epochs]];
  return Object.entries(epochs).flatMap(([name, within]) => flattened(`${beginning}.${name}`, within));
}
