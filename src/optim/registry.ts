/** The optimizers that a configuration can name, one row each. */
import type { Parameters } from "../nn/parameters.ts";
import { Adam } from "./adam.ts";
import type { Optimizer } from "./optimizer.ts";
import type { GroupOptions } from "./optimizer_options.ts";
import { RmsProp } from "./rmsprop.ts";

/** The settings of an optimizer by their names in configurations. */
export interface OptimizerSettings {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly bias_correction: boolean;
  readonly alpha: number;
  readonly momentum: number;
}

/** The settings that some optimizers alone heed, and the value that changes nothing for the others. */
export const OWN_SETTINGS = { bias_correction: true, alpha: 0.99, momentum: 0 } as const;
export type OwnSetting = keyof typeof OWN_SETTINGS;

export interface OptimizerRow {
  /** Moments that it keeps of every learned value. */
  readonly moments: number;
  readonly heeds: readonly OwnSetting[];
  create(parameters: Parameters, groups: GroupOptions, settings: OptimizerSettings): Optimizer;
}

const adam = (decoupled: boolean): OptimizerRow => ({
  moments: 2,
  heeds: ["bias_correction"],
  create: (parameters, groups, { beta1, beta2, epsilon, bias_correction: biasCorrection }) =>
    new Adam(parameters, { ...groups, betas: [beta1, beta2], epsilon, decoupled, biasCorrection }),
});

export const OPTIMIZERS = {
  adam: adam(false),
  adamw: adam(true),
  rmsprop: {
    moments: 2,
    heeds: ["alpha", "momentum"],
    create: (parameters, groups, { alpha, momentum, epsilon }) =>
      new RmsProp(parameters, { ...groups, alpha, momentum, epsilon }),
  },
} as const satisfies Record<string, OptimizerRow>;
export type OptimizerName = keyof typeof OPTIMIZERS;
export const OPTIMIZER_NAMES = Object.keys(OPTIMIZERS) as OptimizerName[];
