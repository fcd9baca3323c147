/** RMSProp. */
import { defineKernel } from "../gpu/kernel.ts";
import type { Parameters } from "../nn/parameters.ts";
import type { GroupOptions } from "./optimizer_options.ts";
import { Optimizer } from "./optimizer.ts";
import { PLAIN, SCALED } from "./rule_files.ts";
import type { UpdateRule } from "./update_rule.ts";
import rmsprop_ from "../../wgsl/optim/rmsprop.wgsl" with { type: "text" };

const inPlace = {
  plain: defineKernel("rmsprop", [rmsprop_, ...PLAIN], ["grads"]),
  scaled: defineKernel("rmsprop", [rmsprop_, ...SCALED], ["grads"]),
};

export type RmsPropOptions = GroupOptions & {
  /** How slowly the mean of squares forgets: α of torch, ρ elsewhere. 0.99 if not given. */
  readonly alpha?: number;
  /** The share of the last step that is taken again. 0 if not given. */
  readonly momentum?: number;
  /** Added to the root of the mean of squares; 1e-8 if not given. */
  readonly epsilon?: number;
};

/**
 * RMSProp (Hinton, lecture 6e of "Neural Networks for Machine Learning", 2012) as torch.optim.RMSprop has it, not centered:
 * weight decay is within the gradient, and momentum gathers steps before the rate. Throws RangeError for a group that does
 * not exist, a negative rate, and for `alpha` or `momentum` from 1 on.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { backward, Gpu, mul, ones, Parameters, RmsProp, sum } from "unis/engine";
 *
 * const gpu = await Gpu.open();
 * const parameters = new Parameters();
 * const w = parameters.root.parameter("w", [2], ones);
 * parameters.allocate(gpu, 0);
 * const groups = { all: { learningRate: 0.01, weightDecay: 0 } };
 * const rmsprop = new RmsProp(parameters, { groups, groupOf: () => "all", momentum: 0.9 });
 * backward(sum(mul(w.value, w.value)));
 * rmsprop.step();
 * parameters.zeroGrad();
 * const moved = await w.value.read();
 * assert.ok(moved.every((value) => Math.abs(value - 0.9) < 1e-5)); // 1 / sqrt(1 - alpha) times the rate
 * gpu.destroy();
 * ```
 */
export class RmsProp extends Optimizer {
  constructor(parameters: Parameters, options: RmsPropOptions) {
    super(parameters, rmspropRule(options), options);
  }
}

function rmspropRule({ alpha = 0.99, momentum = 0, epsilon = 1e-8 }: RmsPropOptions): UpdateRule {
  for (const [name, value] of Object.entries({ alpha, momentum })) {
    if (value >= 0 && value < 1) continue;
    throw new RangeError(`Cannot optimize with ${name} ${value}: it is at least 0 and below 1`);
  }
  return {
    moments: ["square_avg", "momentum_buffer"],
    inPlace,
    params: () => ({ alpha, one_minus_alpha: 1 - alpha, momentum, epsilon }),
  };
}
