/** Running sums on the device, so that a training loop need not read anything back at every step. */
import { defineKernel, readConstant } from "../gpu/kernel.ts";
import { showShape } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { mustBe } from "./check.ts";
import grid from "../../wgsl/lib/grid.wgsl" with { type: "text" };
import runningSums_ from "../../wgsl/metrics/running_sums.wgsl" with { type: "text" };

const kernel = defineKernel("runningSums", [runningSums_, grid]);

/** Addends that one dispatch takes. */
const SOURCES = readConstant(runningSums_, "SOURCES");

export interface Addend {
  /** The place in `sums` that its first value is added to. */
  readonly at: number;
  /** f32 or u32 of any shape. */
  readonly values: Tensor;
  /** 1 if not given. */
  readonly factor?: number;
}

/**
 * sums[at + i] += factor · values[i] for every addend, in place and outside the tape: sums f32 [n]; no two addends have a
 * place in common. Whole numbers are exact up to 2^24. Throws RangeError where values do not fit.
 */
export function addToSums(sums: Tensor, addends: readonly Addend[]): void {
  mustBe("f32", "add to", sums);
  for (const { at, values } of addends) {
    if (values.dtype !== "f32" && values.dtype !== "u32") {
      throw new TypeError(
        `Cannot add ${values.dtype} ${showShape(values.shape)} to sums: it takes f32 or u32`,
      );
    }
    if (!Number.isInteger(at) || at < 0 || at + values.size > sums.size) {
      throw new RangeError(
        `Cannot add ${values.size} values from place ${at} of ${showShape(sums.shape)} on: they do not fit`,
      );
    }
  }
  for (let first = 0; first < addends.length; first += SOURCES) {
    addTogether(sums, addends.slice(first, first + SOURCES));
  }
}

function addTogether(sums: Tensor, addends: readonly Addend[]): void {
  const buffers: Record<string, Tensor> = { sums };
  const params: Record<string, number> = { integers: 0 };
  for (let s = 0; s < SOURCES; s++) {
    const { at, values, factor = 1 } = addends[s] ?? addends[0]!;
    buffers[`values${s}`] = values;
    params[`at${s}`] = at;
    params[`count${s}`] = s < addends.length ? values.size : 0;
    params[`factor${s}`] = factor;
    if (values.dtype === "u32") params["integers"]! |= 1 << s;
  }
  const invocations = Math.max(...addends.map(({ values }) => values.size));
  sums.gpu.dispatch({ kernel, entry: "add_values", buffers, params, invocations });
}
