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
export function parameterRanges(parameters: Parameters, groupOf: NumberOfGroup): ParameterRange[] {
  const words = wordsOf(parameters, groupOf);
  return parameters.arrays.flatMap(({ values, grads }) => {
    const gradRanges = rangesOf(grads);
    return rangesOf(values).map((range, i): ParameterRange => {
      const count = range.size / BLOCK;
      const blocks = Tensor.from(values.gpu, words.next(count), [count]);
      return { values: range, grads: gradRanges[i]!, blocks, packs: range.size / 4 };
    });
  });
}

/** Writes `blocks` of the ranges of `parameterRanges` anew, as other parameters are to be learned. */
export function writeBlocks(
  parameters: Parameters,
  ranges: readonly ParameterRange[],
  groupOf: NumberOfGroup,
): void {
  const words = wordsOf(parameters, groupOf);
  for (const { blocks } of ranges) blocks.gpu.write(blocks, words.next(blocks.size));
}

type NumberOfGroup = (parameter: Parameter) => number | undefined;

/** The words of all arrays, one after the other, to be taken in pieces. */
function wordsOf({ arrays }: Parameters, groupOf: NumberOfGroup) {
  const words = new Uint32Array(arrays.reduce((total, { values }) => total + values.size / BLOCK, 0));
  let number = 0, first = 0;
  for (const { values, members } of arrays) {
    for (const { parameter, start } of members) {
      const group = groupOf(parameter);
      const own = number++;
      if (group === undefined) continue;
      if (group >= MOST_GROUPS || own >= MOST_PARAMETERS) {
        throw new RangeError(`Cannot learn more than ${MOST_PARAMETERS} parameters in ${MOST_GROUPS} groups`);
      }
      const size = sizeOf(parameter.shape);
      for (let at = 0; at < size; at += BLOCK) {
        words[first + (start + at) / BLOCK] = own << PARAMETER_SHIFT | group << GROUP_SHIFT |
          Math.min(size - at, BLOCK);
      }
    }
    first += values.size / BLOCK;
  }
  let taken = 0;
  return { next: (count: number) => words.slice(taken, taken += count) };
}
