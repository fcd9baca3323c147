/** Gradients in half the bytes: blocks of f16, each with a power of two that keeps it in range. */
import { defineKernel, readConstant } from "../gpu/kernel.ts";
import type { Tensor } from "../tensor/tensor.ts";
import grid from "../../wgsl/lib/grid.wgsl" with { type: "text" };
import blocks_ from "../../wgsl/optim/half_blocks.wgsl" with { type: "text" };

const kernel = defineKernel("halfBlocks", [blocks_, grid]);

const BLOCK = readConstant(blocks_, "BLOCK");
const WORDS = readConstant(blocks_, "WORDS");

/** Blocks of each of so many parts of an array of f32. */
const blocksOf = (elements: number, parts: number) => Math.ceil(elements / parts / BLOCK);

/** Words of a part. */
export function wordsOfPart(elements: number, parts: number): number {
  return blocksOf(elements, parts) * (WORDS + 1);
}

/** Writes x, f32 of a multiple of 4 elements, as so many parts of u32. */
export function packHalves(x: Tensor, parts: Tensor, count: number): void {
  const blocks = blocksOf(x.size, count);
  x.gpu.dispatch({
    kernel,
    entry: "pack",
    buffers: { x, parts },
    params: { blocks, parts: count, elements: x.size },
    workgroups: blocks * count,
  });
}

/** Writes the sum, in f32, of one part of each of so many ranks, of arrays of `elements`. */
export function sumHalves(given: Tensor, sum: Tensor, count: number, elements: number): void {
  const blocks = blocksOf(elements, count);
  given.gpu.dispatch({
    kernel,
    entry: "sum",
    buffers: { parts_given: given, parts: sum },
    params: { blocks, parts: count },
    workgroups: blocks,
  });
}

/** Writes parts as the f32 array that they are of. */
export function unpackHalves(given: Tensor, y: Tensor, count: number): void {
  const blocks = blocksOf(y.size, count);
  given.gpu.dispatch({
    kernel,
    entry: "unpack",
    buffers: { parts_given: given, y },
    params: { blocks, elements: y.size },
    workgroups: blocks * count,
  });
}
