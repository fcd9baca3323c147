/** Cross entropy from logits. */
import { showShape } from "../tensor/shape.ts";
import { needsGrad, record } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { mustBe } from "./check.ts";
import { reduceAxes, sumKernel } from "./reduction.ts";
import { defineRowKernel, rowLayout } from "./rows.ts";
import crossEntropy_ from "../../wgsl/losses/cross_entropy.wgsl" with { type: "text" };
import keepAll from "../../wgsl/rows/keep_all.wgsl" with { type: "text" };
import softmaxRow from "../../wgsl/rows/softmax_row.wgsl" with { type: "text" };

const crossEntropyKernel = defineRowKernel("crossEntropy", [crossEntropy_, softmaxRow, keepAll]);

/**
 * The mean over rows of −log softmax(logits)[label], equation 1 of the UniS-MMC paper: logits [rows, classes] and labels
 * u32 [rows] give []. Labels are not checked on the device, where one beyond the classes counts as the last class: check
 * them where they are made. Throws TypeError for other shapes or types, RangeError for no rows.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { crossEntropy, Gpu, Tensor } from "unis/engine";
 *
 * const gpu = await Gpu.open();
 * const logits = Tensor.from(gpu, Float32Array.of(0, 0, 0, 0), [2, 2]);
 * const labels = Tensor.from(gpu, Uint32Array.of(0, 1), [2]);
 * const loss = await crossEntropy(logits, labels).read();
 * assert.ok(Math.abs(loss[0]! - Math.LN2) < 1e-6);
 * gpu.destroy();
 * ```
 */
export function crossEntropy(logits: Tensor, labels: Tensor): Tensor {
  mustBe("f32", "crossEntropy", logits);
  mustBe("u32", "crossEntropy with labels", labels);
  const { gpu } = logits;
  const layout = rowLayout("crossEntropy", logits);
  const { rows, constants } = layout;
  if (logits.rank !== 2 || labels.rank !== 1 || labels.size !== rows) {
    throw new TypeError(
      `Cannot crossEntropy ${showShape(logits.shape)} with labels ${showShape(labels.shape)}: ` +
        "it takes [rows, classes] and [rows]",
    );
  }
  if (rows === 0) throw new RangeError(`Cannot crossEntropy ${showShape(logits.shape)}: it has no rows`);
  const kernel = crossEntropyKernel[layout.packSize];
  const loss = Tensor.empty(gpu, [rows]);
  const found = Tensor.empty(gpu, [rows, 2]);
  gpu.dispatch({
    kernel,
    entry: "forward",
    buffers: { x: logits, labels, loss, found },
    params: { rows },
    workgroups: rows,
    constants,
  });
  const mean = reduceAxes(sumKernel, loss, [0], 1 / rows).view([], { requiresGrad: needsGrad(logits) });
  return record(mean, [logits], [logits, labels, found], (dy) => {
    const dx = Tensor.empty(gpu, logits.shape);
    gpu.dispatch({
      kernel,
      entry: "backward",
      buffers: { x: logits, labels, found_saved: found, dy, dx },
      params: { rows },
      workgroups: rows,
      constants,
    });
    return [dx];
  });
}
