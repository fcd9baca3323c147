/** Softmax, masked softmax and log-sum-exp along the last axis. */
import { showShape, sizeOf } from "../tensor/shape.ts";
import { needsGrad, record } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { mustBe } from "./check.ts";
import { defineRowKernel, type RowLayout, rowLayout } from "./rows.ts";
import keepAll from "../../wgsl/rows/keep_all.wgsl" with { type: "text" };
import keepMasked from "../../wgsl/rows/keep_masked.wgsl" with { type: "text" };
import logsumexp_ from "../../wgsl/rows/logsumexp.wgsl" with { type: "text" };
import softmax_ from "../../wgsl/rows/softmax.wgsl" with { type: "text" };
import softmaxRow from "../../wgsl/rows/softmax_row.wgsl" with { type: "text" };

const softmaxKernel = defineRowKernel("softmax", [softmax_, softmaxRow, keepAll], ["x", "y_saved", "dy"]);
const maskedKernel = defineRowKernel("maskedSoftmax", [softmax_, softmaxRow, keepMasked], [
  "x",
  "y_saved",
  "dy",
]);
const logsumexpKernel = defineRowKernel("logsumexp", [logsumexp_, softmaxRow, keepAll], ["x"]);

/** Records the gradient of a softmax, masked or not: where a mask hides x, y is 0 and so is dx. */
function recordSoftmax(x: Tensor, y: Tensor, { rows, constants, packSize }: RowLayout): Tensor {
  return record(y, [x], [y], (dy) => {
    const dx = Tensor.empty(x.gpu, x.shape);
    x.gpu.dispatch({
      kernel: softmaxKernel[packSize],
      entry: "backward",
      buffers: { y_saved: y, dy, dx },
      params: { rows },
      workgroups: rows,
      constants,
    });
    return [dx];
  });
}

/**
 * exp(x) divided by its sum over the last axis; x [.., cols], f32. A large common offset costs no digits.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Gpu, softmax, Tensor } from "unis/engine";
 *
 * const gpu = await Gpu.open();
 * const y = await softmax(Tensor.from(gpu, Float32Array.of(1000, 1000), [1, 2])).read();
 * assert.ok(y.every((value) => Math.abs(value - 0.5) < 1e-6));
 * gpu.destroy();
 * ```
 */
export function softmax(x: Tensor): Tensor {
  mustBe("f32", "softmax", x);
  const layout = rowLayout("softmax", x);
  const { rows, constants } = layout;
  const y = Tensor.empty(x.gpu, x.shape, "f32", needsGrad(x));
  x.gpu.dispatch({
    kernel: softmaxKernel[layout.packSize],
    entry: "forward",
    buffers: { x, y },
    params: { rows },
    workgroups: rows,
    constants,
  });
  return recordSoftmax(x, y, layout);
}

/**
 * Softmax over those elements of the last axis where `mask` (u32 or f32, each 0 or 1) is 1, and 0 elsewhere; a row with
 * nothing kept is all 0, with zero gradient. Before its last dimension the mask has the first dimensions of x: x [batch,
 * heads, queries, keys] takes a mask [keys], [batch, keys], [batch, heads, keys] or of its own shape. Throws TypeError
 * for any other.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Gpu, maskedSoftmax, Tensor } from "unis/engine";
 *
 * const gpu = await Gpu.open();
 * const x = Tensor.from(gpu, Float32Array.of(1, 5, 1), [1, 3]);
 * const mask = Tensor.from(gpu, Uint32Array.of(1, 0, 1), [3]);
 * const y = await maskedSoftmax(x, mask).read();
 * assert.ok(y[1] === 0 && Math.abs(y[0]! - 0.5) < 1e-6);
 * gpu.destroy();
 * ```
 */
export function maskedSoftmax(x: Tensor, mask: Tensor): Tensor {
  mustBe("f32", "maskedSoftmax", x);
  if (mask.dtype !== "u32" && mask.dtype !== "f32") {
    throw new TypeError(
      `Cannot mask ${showShape(x.shape)} by ${mask.dtype} ${showShape(mask.shape)}: it takes u32 or f32`,
    );
  }
  const layout = rowLayout("maskedSoftmax", x);
  const leading = mask.shape.slice(0, -1);
  const fits = mask.rank >= 1 && mask.rank <= x.rank && mask.shape.at(-1) === layout.cols &&
    leading.every((size, i) => size === x.shape[i]);
  if (!fits) {
    throw new TypeError(
      `Cannot mask ${showShape(x.shape)} by ${
        showShape(mask.shape)
      }: a mask has the last dimension of x and, ` +
        "before it, first dimensions of x",
    );
  }
  const { rows, constants } = layout;
  const y = Tensor.empty(x.gpu, x.shape, "f32", needsGrad(x));
  x.gpu.dispatch({
    kernel: maskedKernel[layout.packSize],
    entry: "forward",
    buffers: { x, y, mask },
    params: { rows, rows_per_mask: rows / sizeOf(leading) },
    workgroups: rows,
    constants,
  });
  return recordSoftmax(x, y, layout);
}

/**
 * log Σ exp(x) over the last axis, which `keepDims` leaves as a dimension of one; x [.., cols], f32. A large common offset
 * costs no digits.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Gpu, logsumexp, Tensor } from "unis/engine";
 *
 * const gpu = await Gpu.open();
 * const y = await logsumexp(Tensor.from(gpu, Float32Array.of(1, 1), [1, 2])).read();
 * assert.ok(Math.abs(y[0]! - (1 + Math.LN2)) < 1e-5);
 * gpu.destroy();
 * ```
 */
export function logsumexp(x: Tensor, options: { readonly keepDims?: boolean } = {}): Tensor {
  mustBe("f32", "logsumexp", x);
  const { gpu } = x;
  const { rows, constants, packSize } = rowLayout("logsumexp", x);
  const run = (entry: string, buffers: Record<string, Tensor>) =>
    gpu.dispatch({
      kernel: logsumexpKernel[packSize],
      entry,
      buffers,
      params: { rows },
      workgroups: rows,
      constants,
    });
  const leading = x.shape.slice(0, -1);
  const y = Tensor.empty(gpu, options.keepDims ? [...leading, 1] : leading, "f32", needsGrad(x));
  // The largest element and the sum of weights: y alone would have lost the digits a large offset takes.
  const found = Tensor.empty(gpu, [rows, 2]);
  run("forward", { x, y, found });
  return record(y, [x], [x, found], (dy) => {
    const dx = Tensor.empty(gpu, x.shape);
    run("backward", { x, found_saved: found, dy, dx });
    return [dx];
  });
}
