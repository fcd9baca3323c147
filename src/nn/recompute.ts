/** Activation checkpointing: memory for time. */
import { backward } from "../ops/backward.ts";
import { enableGrad, record, withOwnTape } from "../tensor/tape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Context } from "./context.ts";

/**
 * run(x, context), of which only x is kept for the gradient: what `run` computes on the way is computed again, from the
 * same random numbers, when the gradient is wanted. The gradients are those without it, bit for bit. What else `run`
 * reads is given in `held`, and apart from parameters none of it may require a gradient.
 */
export function checkpoint(
  run: (x: Tensor, context: Context) => Tensor,
  x: Tensor,
  held: readonly Tensor[],
  context: Context,
): Tensor {
  const again = context.keys?.clone();
  // Recorded, though for nothing: so the same kernels run as in the second pass, and y tells whether it needs a gradient.
  const y = withOwnTape(() => run(x, context));
  return record(y, [x], [x, ...held], (dy) =>
    withOwnTape(() => {
      const leaf = x.view(x.shape, { requiresGrad: x.requiresGrad });
      backward(enableGrad(() => run(leaf, { ...context, ...(again && { keys: again }) })), dy);
      return [leaf.grad];
    }));
}
