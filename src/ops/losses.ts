/** Cross entropy from logits. */
import { showShape } from "../tensor/shape.ts";
import { needsGrad, record } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { mustBe } from "./check.ts";
import { weightsOf } from "./loss_weights.ts";
import { reduceAxes, sumKernel } from "./reduction.ts";
import { defineRowKernel, rowLayout } from "./rows.ts";
import crossEntropy_ from "../../wgsl/losses/cross_entropy.wgsl" with { type: "text" };
import label from "../../wgsl/losses/label.wgsl" with { type: "text" };
import keepAll from "../../wgsl/rows/keep_all.wgsl" with { type: "text" };
import softmaxRow from "../../wgsl/rows/softmax_row.wgsl" with { type: "text" };
import weightedCrossEntropy_ from "../../wgsl/losses/weighted_cross_entropy.wgsl" with { type: "text" };

const crossEntropyKernel = defineRowKernel("crossEntropy", [crossEntropy_, label, softmaxRow, keepAll]);
const weightedKernel = defineRowKernel("weightedCrossEntropy", [
  weightedCrossEntropy_,
  label,
  softmaxRow,
  keepAll,
]);

export interface CrossEntropyOptions {
  /** w, f32 [classes], torch's `weight`; all 1 if not given. */
  readonly classWeights?: Tensor | undefined;
  /** u, f32 [rows], of single rows; all 1 if not given. */
  readonly rowWeights?: Tensor | undefined;
  /** e, the share of the target that is spread over all classes; 0 if not given. */
  readonly labelSmoothing?: number;
  /** γ of the focal loss (Lin et al., 2017); 0 if not given. */
  readonly focalGamma?: number;
}

/**
 * The mean over rows of −log softmax(logits)[label], equation 1 of the UniS-MMC paper: logits [rows, classes] and labels
 * u32 [rows] give []. With options it is the mean over rows of
 *
 *   u (1 − p_y)^γ ((1 − e) w_y (−log p_y) + e / classes Σ_c w_c (−log p_c)),   p = softmax(logits), y the label,
 *
 * which is torch's where u is 1 / mean(w_y): it divides by the sum of w_y, not by the rows. Labels are not checked on the
 * device, where one beyond the classes counts as the last class: check them where they are made. Throws TypeError for other
 * shapes or types, RangeError for no rows, a smoothing outside 0 to 1, or a negative γ.
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
 * // Each is as sure as not, and counts a quarter where γ is 2.
 * const focal = await crossEntropy(logits, labels, { focalGamma: 2 }).read();
 * assert.ok(Math.abs(focal[0]! - Math.LN2 / 4) < 1e-6);
 * gpu.destroy();
 * ```
 */
export function crossEntropy(logits: Tensor, labels: Tensor, options: CrossEntropyOptions = {}): Tensor {
  mustBe("f32", "crossEntropy", logits);
  mustBe("u32", "crossEntropy with labels", labels);
  const { gpu } = logits;
  const layout = rowLayout("crossEntropy", logits);
  const { rows, cols, constants } = layout;
  if (logits.rank !== 2 || labels.rank !== 1 || labels.size !== rows) {
    throw new TypeError(
      `Cannot crossEntropy ${showShape(logits.shape)} with labels ${showShape(labels.shape)}: ` +
        "it takes [rows, classes] and [rows]",
    );
  }
  if (rows === 0) throw new RangeError(`Cannot crossEntropy ${showShape(logits.shape)}: it has no rows`);
  const weighting = weightingOf(options, logits);
  const kernel = (weighting ? weightedKernel : crossEntropyKernel)[layout.packSize];
  const loss = Tensor.empty(gpu, [rows]);
  const found = Tensor.empty(gpu, [rows, weighting ? 4 : 2]);
  const weights: Record<string, Tensor> = weighting?.buffers ?? {};
  const shared = { kernel, params: { rows, ...weighting?.params }, workgroups: rows, constants };
  gpu.dispatch({ ...shared, entry: "forward", buffers: { x: logits, labels, loss, found, ...weights } });
  const mean = reduceAxes(sumKernel, loss, [0], 1 / rows).view([], { requiresGrad: needsGrad(logits) });
  return record(mean, [logits], [logits, labels, found, ...Object.values(weights)], (dy) => {
    const dx = Tensor.empty(gpu, [rows, cols]);
    const buffers = { x: logits, labels, found_saved: found, dy, dx, ...weights };
    gpu.dispatch({ ...shared, entry: "backward", buffers });
    return [dx];
  });
}

/** What the kernel with weights takes beside the other; undefined where nothing is weighted, smoothed or focused. */
function weightingOf(
  { classWeights, rowWeights, labelSmoothing = 0, focalGamma = 0 }: CrossEntropyOptions,
  { gpu, shape: [rows, classes] }: Tensor,
) {
  if (!classWeights && !rowWeights && labelSmoothing === 0 && focalGamma === 0) return undefined;
  if (!(labelSmoothing >= 0 && labelSmoothing <= 1 && focalGamma >= 0)) {
    throw new RangeError(
      `Cannot crossEntropy with a smoothing of ${labelSmoothing} and a gamma of ${focalGamma}: the first is from 0 to 1, ` +
        "the second at least 0",
    );
  }
  return {
    buffers: {
      class_weights: weightsOf("crossEntropy", gpu, classWeights, classes!),
      row_weights: weightsOf("crossEntropy", gpu, rowWeights, rows!),
    },
    params: { smoothing: labelSmoothing, gamma: focalGamma },
  };
}
