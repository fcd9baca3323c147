/** Flat device arrays of parameters and moments: how they are aligned, cut for bindings, and read. */
import type { Gpu } from "../gpu/gpu.ts";
import type { Shape } from "../tensor/shape.ts";
import { readTensors, type Tensor } from "../tensor/tensor.ts";
import type { Parameter } from "./parameter.ts";

/** Parameters start at multiples of this many elements, so that each can be bound by itself (256 bytes). */
export const ALIGNMENT = 64;

/** The same where an f16 array of the same layout stands beside. */
export const HALF_ALIGNMENT = 128;

/** A flat device array of parameters. Between parameters stands anything. */
export interface FlatArray {
  readonly values: Tensor;
  /** The same in f16, where it is wanted. */
  readonly halves?: Tensor;
  /** Who lies where, from which element on (a multiple of ALIGNMENT), in order. */
  readonly members: readonly { readonly parameter: Parameter; readonly start: number }[];
}

/** One of parameters that are learned; `grads` has the layout of `values`. */
export interface ParameterArray extends FlatArray {
  readonly grads: Tensor;
}

/** What a parameter, or several that are used as one, have of an array: views of it. */
export interface Memory {
  readonly value: Tensor;
  readonly grad: Tensor | undefined;
  readonly half: Tensor | undefined;
}

/** The memory of `shape` from element `offset` on, in an array whose gradients, if it has any, are `grads`. */
export function memoryIn(
  { values, halves }: FlatArray,
  grads: Tensor | undefined,
  shape: Shape,
  offset: number,
): Memory {
  const place = { offset, requiresGrad: grads !== undefined };
  const value = values.view(shape, place);
  const half = halves?.view(shape, place);
  const grad = grads?.view(shape, { offset });
  value.grad = grad;
  if (half) half.grad = grad;
  return { value, grad, half };
}

export function disposeMemory({ value, grad, half }: Memory): void {
  value.dispose();
  grad?.dispose();
  half?.dispose();
}

/** Elements of an array that one window holds: of blocks of ALIGNMENT elements, a multiple of ALIGNMENT. */
function windowSize({ limits }: Gpu): number {
  const step = ALIGNMENT * ALIGNMENT;
  return Math.max(step, Math.floor(limits.maxStorageBufferBindingSize / 4 / step) * step);
}

/** Views of a flat array, one after the other, each within the adapter's binding limit. */
export function windowsOf(array: Tensor): Tensor[] {
  const size = windowSize(array.gpu);
  return Array.from(
    { length: Math.ceil(array.size / size) },
    (_, i) => array.view([Math.min(size, array.size - i * size)], { offset: i * size }),
  );
}

/** Bytes read back through one wait: what is read stands in one buffer first, whose size is limited. */
const READ_BYTES = 256 * 2 ** 20;

/** Reads f32 tensors back, however many: in parts. */
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
