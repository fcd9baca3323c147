/** Flat device arrays of parameters and moments: how they are aligned, cut into binding ranges, and read back. */
import { BINDING_ALIGNMENT } from "../gpu/pool.ts";
import type { Gpu } from "../gpu/gpu.ts";
import type { Shape } from "../tensor/shape.ts";
import { readTensors, type Tensor } from "../tensor/tensor.ts";
import type { Parameter } from "./parameter.ts";

/** Parameters start at multiples of this many elements, so that each can be bound by itself. */
export const ALIGNMENT = BINDING_ALIGNMENT / 4;

/** The alignment where an f16 array of the same layout stands beside: its elements have half the bytes. */
export const F16_ALIGNMENT = BINDING_ALIGNMENT / 2;

/** A flat device array of parameters. What lies between parameters has no meaning. */
export interface FlatArray {
  readonly values: Tensor;
  /** The values as f16, in the same layout, where parameters were allocated with f16 copies. */
  readonly half?: Tensor;
  /** The parameters in it, in order, and the element each starts at (a multiple of ALIGNMENT). */
  readonly members: readonly { readonly parameter: Parameter; readonly start: number }[];
}

/** A flat array of parameters that are learned; `grads` has the layout of `values`. */
export interface LearnedArray extends FlatArray {
  readonly grads: Tensor;
}

/** The views of an array that one parameter, or several used as one, are read and written through. */
export interface Memory {
  readonly value: Tensor;
  readonly grad: Tensor | undefined;
  readonly half: Tensor | undefined;
  /** The same as `value` and `half`, for which nothing is recorded. */
  readonly held: { readonly value: Tensor; readonly half: Tensor | undefined };
}

/** The memory of `shape` from element `offset` on, in an array whose gradients, if it has any, are `grads`. */
export function memoryIn(
  array: FlatArray,
  grads: Tensor | undefined,
  shape: Shape,
  offset: number,
): Memory {
  const place = { offset, requiresGrad: grads !== undefined };
  const value = array.values.view(shape, place);
  const half = array.half?.view(shape, place);
  const grad = grads?.view(shape, { offset });
  value.grad = grad;
  if (half) half.grad = grad;
  const held = {
    value: array.values.view(shape, { offset }),
    half: array.half?.view(shape, { offset }),
  };
  return { value, grad, half, held };
}

export function disposeMemory({ value, grad, half, held }: Memory): void {
  for (const tensor of [value, grad, half, held.value, held.half]) tensor?.dispose();
}

/** Elements of a binding range: a multiple of ALIGNMENT blocks of ALIGNMENT elements, so that lists of blocks align too. */
function rangeSize({ limits }: Gpu): number {
  const step = ALIGNMENT * ALIGNMENT;
  return Math.max(step, Math.floor(limits.maxStorageBufferBindingSize / 4 / step) * step);
}

/** Views of a flat array, one after the other, each within the adapter's binding limit; the caller disposes them. */
export function rangesOf(array: Tensor): Tensor[] {
  const size = rangeSize(array.gpu);
  return Array.from(
    { length: Math.ceil(array.size / size) },
    (_, i) => array.view([Math.min(size, array.size - i * size)], { offset: i * size }),
  );
}

/** Bytes read back through one wait: they stand in one staging buffer first, whose size is limited. */
const READ_BYTES = 256 * 2 ** 20;

/** Reads f32 tensors back, in several parts where they are more than one staging buffer should hold. */
export async function readArrays(tensors: readonly Tensor[]): Promise<Float32Array<ArrayBuffer>[]> {
  const parts: Tensor[][] = [];
  let bytes = Infinity;
  for (const tensor of tensors) {
    bytes += tensor.bytes;
    if (bytes <= READ_BYTES) parts.at(-1)!.push(tensor);
    else {
      parts.push([tensor]);
      bytes = tensor.bytes;
    }
  }
  const arrays: Float32Array<ArrayBuffer>[] = [];
  for (const part of parts) arrays.push(...await readTensors(part) as Float32Array<ArrayBuffer>[]);
  return arrays;
}
