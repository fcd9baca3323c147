/** The options of optimizers: of groups of parameters, and of one step. */
import type { Parameter } from "../nn/parameter.ts";
import type { LossScale } from "./loss_scale.ts";

/** The settings of a group of parameters. */
export type ParameterGroup = {
  readonly learningRate: number;
  readonly weightDecay: number;
  /**
   * Steps for which the group is held: its parameters and their moments stay as they are, and no norm of gradients sees it,
   * as if it were not there. Its bias correction counts from then on. 0 if not given.
   */
  readonly heldSteps?: number;
};

export type GroupOptions = {
  readonly groups: Readonly<Record<string, ParameterGroup>>;
  /** Gives the name of a parameter's group; a parameter without one is not learned. */
  readonly groupOf: (parameter: Parameter) => string | undefined;
};

export type StepOptions = {
  /** Gradients are multiplied by it: 1 / n makes the sum of n micro-batches their mean. 1 if not given. */
  readonly gradientScale?: number;
  /** Learning rates are multiplied by it, in this step only: warm-up and the like. 1 if not given. */
  readonly rateFactor?: number;
  /** Gradients, once scaled, whose norm over all parameters is larger are shortened to it. */
  readonly maxNorm?: number;
  /** The same for each parameter by itself: a gradient, once scaled, is no longer than this. Not with `maxNorm`. */
  readonly maxParameterNorm?: number;
  /**
   * The scale that losses were multiplied by: gradients are divided by it before all else. Where one has overflowed,
   * parameters and moments stay as they are, as if there had been no step.
   */
  readonly lossScale?: LossScale;
  /**
   * True: gradients are inspected before they are applied, and raise flags in `finite`. Not so where losses are scaled: there
   * they may overflow, the loss scale inspects them in every step, and none that does is applied. False if not given.
   */
  readonly inspected?: boolean;
};
