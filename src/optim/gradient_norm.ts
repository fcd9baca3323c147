/** The Euclidean norm of all gradients together. */
import { defineKernel, readConstant } from "../gpu/kernel.ts";
import { rowWorkgroup } from "../ops/plan.ts";
import { Tensor } from "../tensor/tensor.ts";
import type { Window } from "./binding_ranges.ts";
import { workgroup } from "../ops/workgroup.ts";
import blocks from "../../wgsl/optim/blocks.wgsl" with { type: "text" };
import grid from "../../wgsl/lib/grid.wgsl" with { type: "text" };
import norm_ from "../../wgsl/optim/norm.wgsl" with { type: "text" };

const kernel = defineKernel("gradientNorm", [norm_, blocks, grid, workgroup]);

/** Groups of four elements that one workgroup takes. */
const CHUNK = readConstant(norm_, "CHUNK");

/** The norm over all windows, f32 [1], on the device; nothing is read back. Throws RangeError without a window. */
export function gradientNorm(windows: readonly Window[]): Tensor {
  const [first] = windows;
  if (!first) throw new RangeError("Cannot take the norm of no gradients");
  const { gpu } = first.values;
  const constants = { WG: rowWorkgroup(gpu) };
  const chunksOf = ({ vectors }: Window) => Math.ceil(vectors / CHUNK);
  const count = windows.reduce((total, window) => total + chunksOf(window), 0);
  const sums = Tensor.empty(gpu, [count]);
  let start = 0;
  for (const window of windows) {
    const { grads, blocks, vectors } = window;
    const chunks = chunksOf(window);
    gpu.dispatch({
      kernel,
      entry: "square_sums",
      buffers: { blocks, grads, sums },
      params: { vectors, chunks, start },
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
