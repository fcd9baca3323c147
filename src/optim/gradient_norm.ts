/** The Euclidean norm of all gradients together. */
import { defineKernel } from "../gpu/kernel.ts";
import { rowWorkgroup } from "../ops/plan.ts";
import { Tensor } from "../tensor/tensor.ts";
import type { Window } from "./binding_ranges.ts";
import { workgroup } from "../ops/workgroup.ts";
import blocks from "../../wgsl/optim/blocks.wgsl" with { type: "text" };
import grid from "../../wgsl/lib/grid.wgsl" with { type: "text" };
import norm_ from "../../wgsl/optim/norm.wgsl" with { type: "text" };

const kernel = defineKernel("gradientNorm", [norm_, blocks, grid, workgroup]);

/** As in wgsl/optim/norm.wgsl. */
const CHUNK = 4096;

/** The norm over all windows, f32 [1], on the device; nothing is read back. Throws RangeError without a window. */
export function gradientNorm(windows: readonly Window[]): Tensor {
  const [first] = windows;
  if (!first) throw new RangeError("Cannot take the norm of no gradients");
  const { gpu } = first.values;
  const WG = rowWorkgroup(gpu);
  const chunksOf = ({ vectors }: Window) => Math.ceil(vectors / CHUNK);
  const count = windows.reduce((total, window) => total + chunksOf(window), 0);
  const sums = Tensor.empty(gpu, [count]);
  let start = 0;
  for (const window of windows) {
    const { grads, blocks, vectors } = window;
    const chunks = chunksOf(window);
    gpu.dispatch(kernel, "square_sums", { blocks, grads, sums }, { vectors, chunks, start, count }, chunks, {
      WG,
    });
    start += chunks;
  }
  const norm = Tensor.empty(gpu, [1]);
  const params = { vectors: 0, chunks: 0, start: 0, count };
  gpu.dispatch(kernel, "root", { sums_given: sums, norm }, params, 1, { WG });
  sums.dispose();
  return norm;
}
