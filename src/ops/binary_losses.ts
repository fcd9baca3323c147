/** Binary cross entropy from logits: every label of a sample by itself. */
import { defineKernel } from "../gpu/kernel.ts";
import { showShape } from "../tensor/shape.ts";
import { needsGrad, record } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { mustBe } from "./check.ts";
import { weightsOf } from "./loss_weights.ts";
import type { CrossEntropyOptions } from "./losses.ts";
import { reduceAxes, sumKernel } from "./reduction.ts";
import binaryCrossEntropy_ from "../../wgsl/losses/binary_cross_entropy.wgsl" with { type: "text" };
import grid from "../../wgsl/lib/grid.wgsl" with { type: "text" };
import nan from "../../wgsl/lib/nan.wgsl" with { type: "text" };

const kernel = defineKernel("binaryCrossEntropy", [binaryCrossEntropy_, grid, nan]);

/**
 * The mean over rows and labels of −y log p − (1 − y) log(1 − p), p = 1 / (1 + e^−logit): logits and targets y, f32
 * [rows, labels] each, give []. With options it is the mean of
 *
 *   u q^γ (w_c t (−log p) + (1 − t) (−log(1 − p))),   t = (1 − e) y + e / 2,   q = p (1 − t) + (1 − p) t,
 *
 * w being what the positives of a label count (`classWeights`, torch's `pos_weight`), u what a row counts, e the smoothing and
 * γ that of the focal loss. Targets have no gradient. Throws TypeError for other shapes or types, RangeError for nothing to
 * average, a smoothing outside 0 to 1, or a negative γ.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { binaryCrossEntropy, Gpu, Tensor } from "unis/engine";
 *
 * const gpu = await Gpu.open();
 * const logits = Tensor.from(gpu, Float32Array.of(0, 100, -100), [1, 3]);
 * const targets = Tensor.from(gpu, Float32Array.of(1, 1, 0), [1, 3]);
 * // The first label is as sure as not, the others are right.
 * const [loss] = await binaryCrossEntropy(logits, targets).read();
 * assert.ok(Math.abs(loss! - Math.LN2 / 3) < 1e-6);
 * gpu.destroy();
 * ```
 */
export function binaryCrossEntropy(
  logits: Tensor,
  targets: Tensor,
  { classWeights, rowWeights, labelSmoothing = 0, focalGamma = 0 }: CrossEntropyOptions = {},
): Tensor {
  const op = "binaryCrossEntropy";
  mustBe("f32", op, logits, targets);
  const { gpu, shape } = logits;
  const [rows, labels] = shape as [number, number];
  if (logits.rank !== 2 || showShape(shape) !== showShape(targets.shape)) {
    throw new TypeError(
      `Cannot ${op} ${showShape(shape)} with targets ${
        showShape(targets.shape)
      }: it takes two of [rows, labels]`,
    );
  }
  if (logits.size === 0) throw new RangeError(`Cannot ${op} ${showShape(shape)}: it has no elements`);
  if (!(labelSmoothing >= 0 && labelSmoothing <= 1 && focalGamma >= 0)) {
    throw new RangeError(
      `Cannot ${op} with a smoothing of ${labelSmoothing} and a gamma of ${focalGamma}: the first is from 0 to 1, the ` +
        "second at least 0",
    );
  }
  const buffers = {
    x: logits,
    targets,
    label_weights: weightsOf(op, gpu, classWeights, labels),
    row_weights: weightsOf(op, gpu, rowWeights, rows),
  };
  const shared = {
    kernel,
    params: { rows, labels, smoothing: labelSmoothing, gamma: focalGamma },
    invocations: logits.size,
  };
  const loss = Tensor.empty(gpu, [logits.size]);
  gpu.dispatch({ ...shared, entry: "forward", buffers: { ...buffers, loss } });
  const mean = reduceAxes(sumKernel, loss, [0], 1 / loss.size).view([], { requiresGrad: needsGrad(logits) });
  return record(mean, [logits], Object.values(buffers), (dy) => {
    const dx = Tensor.empty(gpu, shape);
    gpu.dispatch({ ...shared, entry: "backward", buffers: { ...buffers, dy, dx } });
    return [dx];
  });
}
