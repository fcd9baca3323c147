/** What ops check before they allocate anything. */
import { showShape } from "../tensor/shape.ts";
import type { DType, Tensor } from "../tensor/tensor.ts";

/** Throws TypeError where a tensor is not of the type an op takes. */
export function mustBe(dtype: DType, op: string, ...tensors: readonly Tensor[]): void {
  for (const tensor of tensors) {
    if (tensor.dtype !== dtype) {
      throw new TypeError(`Cannot ${op} ${tensor.dtype} ${showShape(tensor.shape)}: it takes ${dtype}`);
    }
  }
}
