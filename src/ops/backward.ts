/** Where a gradient starts. */
import { backwardFrom } from "../tensor/tape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { floatOf } from "./check.ts";
import { accumulate } from "./arithmetic.ts";
import { copy, full } from "./fill.ts";

/**
 * Adds d output / d leaf to the `grad` of every leaf that `output` depends on. `seed`, of output's shape, weighs the
 * elements of output; ones if not given. What was recorded is used up.
 */
export function backward(output: Tensor, seed?: Tensor): void {
  const { gpu, shape } = output;
  backwardFrom(output, seed ?? full(gpu, shape, 1, floatOf("differentiate", output)), { accumulate, copy });
}
