/** The options of Adam: of its groups, of all its steps, and of one step. */
import type { Parameter } from "../nn/parameter.ts";
import type { LossScale } from "./loss_scale.ts";

/** The settings of a group of parameters. */
export type AdamGroup = { readonly learningRate: number; readonly weightDecay: number };

export type AdamOptions = {
  readonly groups: Readonly<Record<string, AdamGroup>>;
  /** Gives the name of a parameter's group; a parameter without one is not learned. */
  readonly groupOf: (parameter: Parameter) => string | undefined;
  /** 0.9 and 0.999 if not given. */
  readonly betas?: readonly [number, number];
  /** 1e-8 if not given. */
  readonly epsilon?: number;
  /** True: weight decay beside the gradient (AdamW). False, as if not given: within it (torch's Adam). */
  readonly decoupled?: boolean;
};

export type StepOptions = {
  /** Gradients are multiplied by it: 1 / n makes the sum of n micro-batches their mean. 1 if not given. */
  readonly gradientScale?: number;
  /** Learning rates are multiplied by it, in this step only: warm-up and the like. 1 if not given. */
  readonly rateFactor?: number;
  /** Gradients, once scaled, whose norm over all parameters is larger are shortened to it. */
  readonly maxNorm?: number;
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
