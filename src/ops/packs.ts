/**
 * Packs: what an invocation handles at once in kernels that work elementwise, move elements or walk rows. A pack is four
 * neighbouring elements, as a vec4; or one element, where four does not divide every length that must fall on whole packs.
 */
import { showShape } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** Elements of a pack. */
export type PackSize = 1 | 4;

/** The size of packs, given every run of elements that must fall on whole ones. */
export function packSizeOf(...lengths: readonly number[]): PackSize {
  return lengths.every((length) => length % 4 === 0) ? 4 : 1;
}

/** The number of packs of four that hold so many elements; buffers have room for the whole of the last. */
export function packsOf(elements: number): number {
  return Math.ceil(elements / 4);
}

/** What a kernel that declares `Elem` and `Pack` is specialised by. */
export function packConstants({ dtype }: Tensor, size: PackSize): { Elem: string; Pack: string } {
  return { Elem: dtype, Pack: size === 4 ? "vec4<Elem>" : "Elem" };
}

/** Throws TypeError for u8, whose elements have no type in WGSL. */
export function mustBeWords(op: string, ...tensors: readonly Tensor[]): void {
  for (const { dtype, shape } of tensors) {
    if (dtype === "u8") throw new TypeError(`Cannot ${op} u8 ${showShape(shape)}: it takes f32, f16 or u32`);
  }
}
