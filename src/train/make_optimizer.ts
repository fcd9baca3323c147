/** From a configuration to an optimizer: groups by part, each with its rate, its decay, and the epochs for which it is held. */
import type { FrozenEpochs } from "../config/encoder_config.ts";
import type { RunConfig } from "../config/run_config.ts";
import { UserError } from "../base/user_error.ts";
import type { Parameters } from "../nn/parameters.ts";
import { groupByPart } from "../optim/groups.ts";
import type { Optimizer } from "../optim/optimizer.ts";
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
  const groups = groupByPart({
    rates,
    weightDecay: optimizer.weight_decay,
    weightDecays: optimizer.weight_decays,
    decayVectors: optimizer.decay_vectors,
    heldSteps: Object.fromEntries(
      heldEpochs(parameters, config).map(([name, epochs]) => [name, stepsOf(epochs)]),
    ),
  });
  return OPTIMIZERS[optimizer.name].create(parameters, groups, optimizer);
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
