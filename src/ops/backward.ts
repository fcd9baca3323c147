/** The start of differentiation: `backward`. */
import type { GradientWatch } from "../tensor/open_leaves.ts";
import { backwardFrom } from "../tensor/tape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { floatOf } from "./check.ts";
import { accumulate } from "./arithmetic.ts";
import { copy, full } from "./fill.ts";

/**
 * Adds d output / d leaf to the `grad` of every leaf that `output` depends on. `seed`, of output's shape, weighs the
 * elements of output; all weights are 1 if it is not given. The tape is used up: differentiating twice takes computing
 * twice. `watch` is told, on the way, which gradients are whole. Throws TypeError for an output that depends on nothing
 * recorded, or a seed of another shape or type.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { backward, Gpu, mul, sum, Tensor } from "unis/engine";
 *
 * const gpu = await Gpu.open();
 * const x = Tensor.from(gpu, Float32Array.of(1, 2, 3), [3], true);
 * backward(sum(mul(x, x)));
 * assert.deepEqual(await x.grad!.read(), Float32Array.of(2, 4, 6));
 * gpu.destroy();
 * ```
 */
export function backward(output: Tensor, seed?: Tensor, watch?: GradientWatch): void {
  const { gpu, shape } = output;
  const dtype = seed ? floatOf("differentiate by a seed", output, seed) : floatOf("differentiate", output);
  backwardFrom(output, seed ?? full(gpu, shape, 1, dtype), { accumulate, copy }, watch);
}
