/** The Euclidean norm of each parameter's gradient. */
import { defineKernel } from "../gpu/kernel.ts";
import type { Gpu } from "../gpu/gpu.ts";
import type { Parameters } from "../nn/parameters.ts";
import { rowWorkgroup, workgroup } from "../ops/workgroup.ts";
import { sizeOf } from "../tensor/shape.ts";
import { Tensor } from "../tensor/tensor.ts";
import type { ParameterRange } from "./binding_ranges.ts";
import blocks from "../../wgsl/optim/blocks.wgsl" with { type: "text" };
import grid from "../../wgsl/lib/grid.wgsl" with { type: "text" };
import norms_ from "../../wgsl/optim/parameter_norms.wgsl" with { type: "text" };

const kernel = defineKernel("parameterNorms", [norms_, blocks, grid, workgroup]);

/** Packs that one workgroup takes at most. */
const CHUNK = 4096;

/** The norms of all parameters, in chunks that each lie in one parameter and in one range. */
export class ParameterNorms {
  readonly #gpu: Gpu;
  readonly #ranges: readonly ParameterRange[];
  /** Of each range, u32 [chunks, 2]: the first pack of a chunk and the one after its last. */
  readonly #chunks: readonly Tensor[];
  /** u32 [parameters, 2]: the first chunk of a parameter, counted over all ranges, and how many it has. */
  readonly #members: Tensor;
  readonly #count: number;

  /** `ranges` are those of all arrays of `parameters`, in order. */
  constructor(parameters: Parameters, ranges: readonly ParameterRange[]) {
    this.#gpu = ranges[0]!.values.gpu;
    this.#ranges = ranges;
    const chunks: number[][] = ranges.map(() => []);
    const members: number[] = [];
    let count = 0, first = 0;
    for (const array of parameters.arrays) {
      const size = ranges[first]!.packs; // all ranges of an array but its last are as large
      for (const { parameter, start } of array.members) {
        const begin = count;
        const end = Math.ceil((start + sizeOf(parameter.shape)) / 4);
        for (let at = start / 4; at < end;) {
          const range = Math.floor(at / size);
          const next = Math.min(at + CHUNK, end, (range + 1) * size);
          chunks[first + range]!.push(at - range * size, next - range * size);
          at = next;
          count++;
        }
        members.push(begin, count - begin);
      }
      first += Math.ceil(array.values.size / 4 / size);
    }
    this.#chunks = chunks.map((words) =>
      Tensor.from(this.#gpu, Uint32Array.from(words), [words.length / 2, 2])
    );
    this.#members = Tensor.from(this.#gpu, Uint32Array.from(members), [members.length / 2, 2]);
    this.#count = count;
  }

  /** Gives f32 [parameters], in the order of the arrays, on the device; the caller disposes it. */
  compute(): Tensor {
    const gpu = this.#gpu;
    const constants = { WG: rowWorkgroup(gpu) };
    const sums = Tensor.empty(gpu, [this.#count]);
    let start = 0;
    for (const [i, { grads, blocks }] of this.#ranges.entries()) {
      const chunks = this.#chunks[i]!;
      const count = chunks.size / 2;
      gpu.dispatch({
        kernel,
        entry: "square_sums",
        buffers: { blocks, grads, chunks, sums },
        params: { count, start },
        workgroups: count,
        constants,
      });
      start += count;
    }
    const parameters = this.#members.size / 2;
    const norms = Tensor.empty(gpu, [parameters]);
    gpu.dispatch({
      kernel,
      entry: "roots",
      buffers: { members: this.#members, sums_given: sums, norms },
      params: { count: parameters },
      workgroups: parameters,
      constants,
    });
    sums.dispose();
    return norms;
  }

  dispose(): void {
    for (const chunks of this.#chunks) chunks.dispose();
    this.#members.dispose();
  }
}
