/** Activation checkpointing (Chen et al., 2016): activations are computed twice instead of kept, time for memory. */
import { backward } from "../ops/backward.ts";
import { enableGrad, record, recordedLeaves, withOwnTape } from "../tensor/tape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Context } from "./context.ts";

/**
 * run(x, context), keeping only x for the gradient: what `run` computes on the way is computed again, from the same random
 * numbers, when the gradient is wanted. Gradients are the same bit for bit. Whatever else `run` reads must be listed in
 * `held` and, parameters aside, must not require a gradient.
 */
export function recompute(
  run: (x: Tensor, context: Context) => Tensor,
  x: Tensor,
  held: readonly Tensor[],
  context: Context,
): Tensor {
  const again = context.keys?.clone();
  // This pass is recorded although its tape is dropped: so the same kernels run as in the second pass, and y tells whether
  // it needs a gradient.
  const { y, leaves } = withOwnTape(() => ({ y: run(x, context), leaves: recordedLeaves() }));
  const differentiate = (dy: Tensor) =>
    withOwnTape(() => {
      const leaf = x.view(x.shape, { requiresGrad: x.requiresGrad });
      const second = { ...context, recomputing: true, ...(again && { keys: again }) };
      backward(enableGrad(() => run(leaf, second)), dy);
      return [leaf.grad];
    });
  return record(y, [x], [x, ...held], differentiate, leaves.filter((leaf) => leaf !== x));
}
