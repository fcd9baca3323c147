/** How optimizers walk parameters: flat arrays in windows that fit a binding, in blocks that belong to a group. */
import { readConstant } from "../gpu/kernel.ts";
import { windowsOf } from "../nn/flat_arrays.ts";
import type { Parameter } from "../nn/parameter.ts";
import type { Parameters } from "../nn/parameters.ts";
import { sizeOf } from "../tensor/shape.ts";
import { Tensor } from "../tensor/tensor.ts";
import blocks_ from "../../wgsl/optim/blocks.wgsl" with { type: "text" };

/** Elements of a block; parameters start at multiples of it. */
const BLOCK = readConstant(blocks_, "BLOCK");
const GROUP_SHIFT = readConstant(blocks_, "GROUP_SHIFT");

/** One window of a flat array. Its tensors are views, `blocks` is as wgsl/optim/blocks.wgsl reads it. */
export interface Window {
  readonly values: Tensor;
  readonly grads: Tensor;
  readonly blocks: Tensor;
  /** Groups of four elements. */
  readonly vectors: number;
}

/**
 * The windows of all arrays, in order; the caller disposes their tensors. `groupOf` numbers the group of a parameter;
 * one without a group is not learned.
 */
export function openWindows(
  parameters: Parameters,
  groupOf: (parameter: Parameter) => number | undefined,
): Window[] {
  return parameters.arrays.flatMap(({ values, grads, members }) => {
    const words = new Uint32Array(values.size / BLOCK);
    for (const { parameter, start } of members) {
      const group = groupOf(parameter);
      if (group === undefined) continue;
      const size = sizeOf(parameter.shape);
      for (let at = 0; at < size; at += BLOCK) {
        words[(start + at) / BLOCK] = group << GROUP_SHIFT | Math.min(size - at, BLOCK);
      }
    }
    const gradWindows = windowsOf(grads);
    let first = 0;
    return windowsOf(values).map((window, i): Window => {
      const count = window.size / BLOCK;
      const blocks = Tensor.from(values.gpu, words.slice(first, first + count), [count]);
      first += count;
      return { values: window, grads: gradWindows[i]!, blocks, vectors: window.size / 4 };
    });
  });
}
