/** Checks that ops make before they allocate anything. */
import { showShape } from "../tensor/shape.ts";
import type { DType, Tensor } from "../tensor/tensor.ts";

/** The types of numbers that have gradients. */
export type Float = "f32" | "f16";

/** Throws TypeError where a tensor is not of the type an op takes. */
export function mustBe(dtype: DType, op: string, ...tensors: readonly Tensor[]): void {
  for (const tensor of tensors) {
    if (tensor.dtype !== dtype) {
      throw new TypeError(`Cannot ${op} ${tensor.dtype} ${showShape(tensor.shape)}: it takes ${dtype}`);
    }
  }
}

/** The one type, f32 or f16, of all these tensors. Throws TypeError for any other type, and where two differ. */
export function floatOf(op: string, first: Tensor, ...others: readonly Tensor[]): Float {
  const { dtype } = first;
  if (dtype !== "f32" && dtype !== "f16") {
    throw new TypeError(`Cannot ${op} ${dtype} ${showShape(first.shape)}: it takes f32 or f16`);
  }
  const other = others.find((tensor) => tensor.dtype !== dtype);
  if (other) {
    throw new TypeError(
      `Cannot ${op} ${dtype} ${showShape(first.shape)} and ${other.dtype} ${
        showShape(other.shape)
      } together: ` +
        "cast one to the type of the other",
    );
  }
  return dtype;
}

/** The number of rows of tensors that are all [rows]. Throws TypeError for other shapes, RangeError for no rows. */
export function rowsOf(op: string, ...tensors: readonly Tensor[]): number {
  const rows = tensors[0]!.size;
  if (tensors.some((tensor) => tensor.rank !== 1 || tensor.size !== rows)) {
    const shapes = tensors.map((tensor) => showShape(tensor.shape)).join(", ");
    throw new TypeError(`Cannot ${op} of ${shapes}: all are [rows]`);
  }
  if (rows === 0) throw new RangeError(`Cannot ${op} of no rows`);
  return rows;
}
