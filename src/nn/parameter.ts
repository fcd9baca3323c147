/** The type of one parameter of a model. */
import type { Shape } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";

/**
 * One tensor of a model. `value` is a leaf of the tape; gradients gather in `grad` until `zeroGrad`. A frozen parameter
 * is not learned: nothing is recorded for it, and reading its `grad` throws.
 */
export interface Parameter {
  readonly name: string;
  readonly shape: Shape;
  readonly frozen: boolean;
  /** True while it is not learned for now: nothing is recorded for it either. See `Parameters.hold`. */
  readonly held: boolean;
  readonly value: Tensor;
  readonly grad: Tensor;
  /**
   * The current value in f16. Only operands of matrix products have it, and only where `allocate` was asked for f16
   * copies. It is a leaf as well, whose gradient is `grad`, in f32.
   */
  readonly half: Tensor;
}

/**
 * State of a model that no gradient reaches and no optimizer moves, such as the running statistics of batch norm: modules
 * move it themselves. It is saved, restored, loaded and exported with the parameters, and counts as none of them.
 */
export type ModelBuffer = Pick<Parameter, "name" | "shape" | "value">;

/** Numbers that follow from the configuration, such as tables of positions: on the device, and in no file. */
export type Constant = ModelBuffer;

/** Which linear layers are adapted, by the names of their paths, and how: see low_rank.ts. */
export interface Adapters {
  readonly rank: number;
  readonly alpha: number;
  isTarget(layer: string): boolean;
}

export interface ParameterOptions {
  /** True for weights that matrix products read: they may be wanted in f16. */
  readonly isOperand?: boolean;
  /** True for a `ModelBuffer`. */
  readonly isBuffer?: boolean;
  /** True for a buffer that no file holds. */
  readonly isConstant?: boolean;
}
