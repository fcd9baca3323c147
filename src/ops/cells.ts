/** Kernels that move elements about move cells: four elements at once where every length they meet allows it. */
import { type Shape, showShape } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** Elements of a cell, given every run of elements that must fall on whole cells. */
export function cellOf(...lengths: readonly number[]): 1 | 4 {
  return lengths.every((length) => length % 4 === 0) ? 4 : 1;
}

/** What a kernel of cells is specialised by. */
export function cellConstants(x: Tensor, cell: 1 | 4): { Elem: string; Cell: string } {
  return { Elem: x.dtype, Cell: cell === 4 ? "vec4<Elem>" : "Elem" };
}

/** Throws TypeError for bytes, whose cells are not words. */
export function mustBeWords(op: string, ...tensors: readonly Tensor[]): void {
  for (const { dtype, shape } of tensors) {
    if (dtype === "u8") throw new TypeError(`Cannot ${op} u8 ${showShape(shape)}: it takes f32, f16 or u32`);
  }
}

/** Dimensions must be whole and not negative. */
export function isShape(shape: Shape): boolean {
  return shape.every((size) => Number.isInteger(size) && size >= 0);
}
