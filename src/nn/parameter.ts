/** One parameter of a model. */
import type { Shape } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";

/**
 * One tensor of a model. `value` is a leaf of the tape; gradients gather in `grad` until `zeroGrad`. One that is frozen
 * is not learned: nothing is recorded for it, and asking for its `grad` throws.
 */
export interface Parameter {
  readonly name: string;
  readonly shape: Shape;
  readonly frozen: boolean;
  readonly value: Tensor;
  readonly grad: Tensor;
  /**
   * The value in f16, as it is now: of operands of matrix products, where `allocate` was asked for halves. A leaf as well,
   * whose gradient is `grad`, in f32.
   */
  readonly half: Tensor;
}

export interface ParameterOptions {
  /** True for weights that matrix products read: they may be wanted in f16. */
  readonly isOperand?: boolean;
}
