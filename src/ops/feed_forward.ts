/** The two layers with GELU between them that each token of a transformer passes, as one operation. */
import { needsGrad } from "../tensor/tape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { linear, linearGelu } from "./matmul.ts";
import { gelu } from "./pointwise.ts";

/** What `linear` multiplies by and adds. */
export interface LinearOperands {
  readonly weight: Tensor;
  readonly bias?: Tensor | undefined;
}

/**
 * second(gelu(first(x))), and the `residual` added to it where one is given: `linear` twice, with its shapes, types and errors.
 * On GPUs products apply the derivative of gelu and add the residual. On processors these are passes of their own: what is
 * done at a store is most of the code of their products, and would take longer to compile than the passes take.
 */
export function feedForward(
  x: Tensor,
  first: LinearOperands,
  second: LinearOperands,
  residual?: Tensor,
): Tensor {
  const { gpu } = x;
  const { weight, bias } = first;
  const inner = weight.shape[0]!;
  if (gpu.adapterClass === "software" || !bias || inner % 4 !== 0 || !needsGrad(x, weight, bias)) {
    const hidden = bias ? linear(x, weight, bias, "gelu") : gelu(linear(x, weight));
    return linear(hidden, second.weight, second.bias, "none", { residual });
  }
  // The tape knows h, to which the gradient goes at once, and not y = gelu(h), which the same product makes.
  const { h, y } = linearGelu(x, weight, bias);
  return linear(y, second.weight, second.bias, "none", { residual, geluOf: h });
}
