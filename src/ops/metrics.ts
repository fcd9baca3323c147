/** Running sums on the device, so that a training loop need not read anything back at every step. */
import { defineKernel } from "../gpu/kernel.ts";
import { showShape } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { mustBe } from "./check.ts";
import grid from "../../wgsl/lib/grid.wgsl" with { type: "text" };
import tally_ from "../../wgsl/metrics/tally.wgsl" with { type: "text" };

const tallyKernel = defineKernel("tally", [tally_, grid]);

/** Invocations of a workgroup; each adds one value. */
const WG = 64;

/**
 * sums[at + i] += factor · values[i], in place and outside the tape: sums f32 [n], values f32 or u32 of any shape.
 * Whole numbers are exact up to 2^24. Throws RangeError where the values do not fit.
 */
export function tally(sums: Tensor, at: number, values: Tensor, factor = 1): void {
  mustBe("f32", "tally into", sums);
  if (values.dtype === "u8") {
    throw new TypeError(`Cannot tally u8 ${showShape(values.shape)}: it takes f32 or u32`);
  }
  if (!Number.isInteger(at) || at < 0 || at + values.size > sums.size) {
    throw new RangeError(
      `Cannot tally ${values.size} values from place ${at} of ${showShape(sums.shape)}: out of it`,
    );
  }
  const params = { at, count: values.size, factor };
  sums.gpu.dispatch(tallyKernel, "tally", { sums, values }, params, Math.ceil(values.size / WG), {
    Value: values.dtype,
  });
}
