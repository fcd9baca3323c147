/** Adam and AdamW. */
import { defineKernel } from "../gpu/kernel.ts";
import type { Parameters } from "../nn/parameters.ts";
import type { GroupOptions } from "./optimizer_options.ts";
import { Optimizer } from "./optimizer.ts";
import { PLAIN, SCALED } from "./rule_files.ts";
import type { RuleKernels, UpdateRule } from "./update_rule.ts";
import adam_ from "../../wgsl/optim/adam.wgsl" with { type: "text" };
import adamBefore from "../../wgsl/optim/adam_before.wgsl" with { type: "text" };
import adamInPlace from "../../wgsl/optim/adam_in_place.wgsl" with { type: "text" };
import corrections_ from "../../wgsl/optim/corrections.wgsl" with { type: "text" };
import scaledCorrections from "../../wgsl/optim/scaled_corrections.wgsl" with { type: "text" };

/** What adam_before.wgsl reads through textures. */
const BEFORE = ["values_before", "exp_avg_before", "exp_avg_sq_before"];
const kernels = (access: string, textures: readonly string[]): RuleKernels => ({
  plain: defineKernel("adam", [adam_, access, corrections_, ...PLAIN], textures),
  scaled: defineKernel("adam", [adam_, access, scaledCorrections, ...SCALED], textures),
});
const inPlace = kernels(adamInPlace, ["grads"]);
const before = kernels(adamBefore, ["grads", ...BEFORE]);

export type AdamOptions = GroupOptions & {
  /** 0.9 and 0.999 if not given. */
  readonly betas?: readonly [number, number];
  /** 1e-8 if not given. */
  readonly epsilon?: number;
  /** True: weight decay beside the gradient (AdamW). False, as if not given: within it (torch's Adam). */
  readonly decoupled?: boolean;
  /** False: moments are taken as they are, as in the Adam that came with BERT. True if not given. */
  readonly biasCorrection?: boolean;
};

/**
 * Adam (Kingma and Ba, 2015), with weight decay within the gradient, as torch's Adam has it, or beside it, as AdamW
 * (Loshchilov and Hutter, 2019). Learning rates and weight decays are those of groups of parameters. Throws RangeError for
 * a group that does not exist, a negative rate, or betas from 1 on.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Adam, backward, Gpu, mul, ones, Parameters, sum } from "unis/engine";
 *
 * const gpu = await Gpu.open();
 * const parameters = new Parameters();
 * const w = parameters.root.parameter("w", [2], ones);
 * parameters.allocate(gpu, 0);
 * const groups = { all: { learningRate: 0.1, weightDecay: 0 } };
 * const adam = new Adam(parameters, { groups, groupOf: () => "all" });
 * backward(sum(mul(w.value, w.value)));
 * adam.step();
 * parameters.zeroGrad();
 * const moved = await w.value.read();
 * assert.ok(moved.every((value) => Math.abs(value - 0.9) < 1e-5)); // the first step is as long as the rate
 * gpu.destroy();
 * ```
 */
export class Adam extends Optimizer {
  constructor(parameters: Parameters, options: AdamOptions) {
    super(parameters, adamRule(options), options);
  }
}

function adamRule(
  { betas = [0.9, 0.999], epsilon = 1e-8, decoupled = false, biasCorrection = true }: AdamOptions,
): UpdateRule {
  const [beta1, beta2] = betas;
  if (!betas.every((beta) => beta >= 0 && beta < 1)) {
    throw new RangeError(
      `Cannot optimize with betas ${betas.join(" and ")}: they are at least 0 and below 1`,
    );
  }
  const corrections = (steps: number) =>
    [1 / (1 - beta1 ** steps), 1 / Math.sqrt(1 - beta2 ** steps)] as const;
  return {
    moments: ["exp_avg", "exp_avg_sq"],
    inPlace,
    before,
    constants: { DECOUPLED: decoupled, BIAS_CORRECTED: biasCorrection },
    betas,
    ...(biasCorrection && { corrections }),
    params(step, { lossScale }) {
      const [correction1, correction2] = corrections(step);
      return {
        beta1,
        one_minus_beta1: 1 - beta1,
        beta2,
        one_minus_beta2: 1 - beta2,
        epsilon,
        // Where losses are scaled, only the device knows how many steps were not skipped.
        ...(!lossScale && { correction1, correction2 }),
      };
    },
  };
}
