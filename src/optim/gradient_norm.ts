/** The Euclidean norm of all gradients together. */
import { defineKernel, readConstant } from "../gpu/kernel.ts";
import { Tensor } from "../tensor/tensor.ts";
import type { ParameterRange } from "./binding_ranges.ts";
import { rowWorkgroup, workgroup } from "../ops/workgroup.ts";
import blocks from "../../wgsl/optim/blocks.wgsl" with { type: "text" };
import grid from "../../wgsl/lib/grid.wgsl" with { type: "text" };
import norm_ from "../../wgsl/optim/norm.wgsl" with { type: "text" };

const kernel = defineKernel("gradientNorm", [norm_, blocks, grid, workgroup]);

/** Packs that one workgroup takes. */
const CHUNK = readConstant(norm_, "CHUNK");

/** The norm over all ranges, f32 [1], on the device: nothing is read back. Throws RangeError without a range. */
export function gradientNorm(ranges: readonly ParameterRange[]): Tensor {
  const [first] = ranges;
  if (!first) throw new RangeError("Cannot take the norm of no gradients");
  const { gpu } = first.values;
  const constants = { WG: rowWorkgroup(gpu) };
  const chunksOf = ({ packs }: ParameterRange) => Math.ceil(packs / CHUNK);
  const count = ranges.reduce((total, range) => total + chunksOf(range), 0);
  const sums = Tensor.empty(gpu, [count]);
  let start = 0;
  for (const range of ranges) {
    const { grads, blocks, packs } = range;
    const chunks = chunksOf(range);
    gpu.dispatch({
      kernel,
      entry: "square_sums",
      buffers: { blocks, grads, sums },
      params: { packs, chunks, start },
      workgroups: chunks,
      constants,
    });
    start += chunks;
  }
  const norm = Tensor.empty(gpu, [1]);
  gpu.dispatch({
    kernel,
    entry: "root",
    buffers: { sums_given: sums, norm },
    params: { count },
    workgroups: 1,
    constants,
  });
  sums.dispose();
  return norm;
}
