/** The start of differentiation: `backward`. */
import { backwardFrom } from "../tensor/tape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { floatOf } from "./check.ts";
import { accumulate } from "./arithmetic.ts";
import { copy, full } from "./fill.ts";

/**
 * Adds d output / d leaf to the `grad` of every leaf that `output` depends on. `seed`, of output's shape, weighs the
 * elements of output; all weights are 1 if it is not given. The tape is used up: differentiating twice takes computing
 * twice. Throws TypeError for an output that depends on nothing recorded, or a seed of another shape.
 */
export function backward(output: Tensor, seed?: Tensor): void {
  const { gpu, shape } = output;
  backwardFrom(output, seed ?? full(gpu, shape, 1, floatOf("differentiate", output)), { accumulate, copy });
}
