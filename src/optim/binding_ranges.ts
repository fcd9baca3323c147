/** How optimizers walk parameters: flat arrays in ranges that fit a binding, in blocks that each belong to one parameter. */
import { readConstant } from "../gpu/kernel.ts";
import { rangesOf } from "../nn/flat_arrays.ts";
import type { Parameter } from "../nn/parameter.ts";
import type { Parameters } from "../nn/parameters.ts";
import { sizeOf } from "../tensor/shape.ts";
import { Tensor } from "../tensor/tensor.ts";
import blocks_ from "../../wgsl/optim/blocks.wgsl" with { type: "text" };

/** Elements of a block; parameters start at multiples of it. */
const BLOCK = readConstant(blocks_, "BLOCK");
const GROUP_SHIFT = readConstant(blocks_, "GROUP_SHIFT");
const PARAMETER_SHIFT = readConstant(blocks_, "PARAMETER_SHIFT");
const MOST_GROUPS = 2 ** (PARAMETER_SHIFT - GROUP_SHIFT);
const MOST_PARAMETERS = 2 ** (32 - PARAMETER_SHIFT);

/** A range of a flat array that fits a binding. Its tensors are views; `blocks` is as wgsl/optim/blocks.wgsl reads it. */
export interface ParameterRange {
  readonly values: Tensor;
  readonly grads: Tensor;
  readonly blocks: Tensor;
  /** Packs of four elements. */
  readonly packs: number;
}

/**
 * The ranges of all arrays, in order; the caller disposes their tensors. `groupOf` gives the number of a parameter's
 * group; a parameter without one is not learned. Parameters are numbered in the order of the arrays. Throws RangeError
 * for more parameters or groups than a word of `blocks` can tell apart.
 */
export function parameterRanges(
  parameters: Parameters,
  groupOf: (parameter: Parameter) => number | undefined,
): ParameterRange[] {
  let number = 0;
  return parameters.arrays.flatMap(({ values, grads, members }) => {
    const words = new Uint32Array(values.size / BLOCK);
    for (const { parameter, start } of members) {
      const group = groupOf(parameter);
      const own = number++;
      if (group === undefined) continue;
      if (group >= MOST_GROUPS || own >= MOST_PARAMETERS) {
        throw new RangeError(`Cannot learn more than ${MOST_PARAMETERS} parameters in ${MOST_GROUPS} groups`);
      }
      const size = sizeOf(parameter.shape);
      for (let at = 0; at < size; at += BLOCK) {
        words[(start + at) / BLOCK] = own << PARAMETER_SHIFT | group << GROUP_SHIFT |
          Math.min(size - at, BLOCK);
      }
    }
    const gradRanges = rangesOf(grads);
    let first = 0;
    return rangesOf(values).map((range, i): ParameterRange => {
      const count = range.size / BLOCK;
      const blocks = Tensor.from(values.gpu, words.slice(first, first + count), [count]);
      first += count;
      return { values: range, grads: gradRanges[i]!, blocks, packs: range.size / 4 };
    });
  });
}
