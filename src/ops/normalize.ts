/** Ops on the Euclidean norm of rows: L2 normalisation, cosine similarity. */
import { sameShape, showShape } from "../tensor/shape.ts";
import { needsGrad, record } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { mustBe } from "./check.ts";
import { defineRowKernel, rowLayout } from "./rows.ts";
import cosine_ from "../../wgsl/rows/cosine.wgsl" with { type: "text" };
import normalize_ from "../../wgsl/rows/normalize.wgsl" with { type: "text" };

const normalizeKernel = defineRowKernel("l2Normalize", [normalize_]);
const cosineKernel = defineRowKernel("cosineSimilarity", [cosine_]);

/**
 * x / max(‖x‖, epsilon) over the last axis; x [.., cols]. A zero row stays zero, its gradient is dy / epsilon.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Gpu, l2Normalize, Tensor } from "unis/engine";
 *
 * const gpu = await Gpu.open();
 * const y = await l2Normalize(Tensor.from(gpu, Float32Array.of(3, 4), [1, 2])).read();
 * assert.ok(Math.abs(y[0]! - 0.6) < 1e-6 && Math.abs(y[1]! - 0.8) < 1e-6);
 * gpu.destroy();
 * ```
 */
export function l2Normalize(x: Tensor, epsilon = 1e-12): Tensor {
  mustBe("f32", "l2Normalize", x);
  const { gpu } = x;
  const { rows, constants, packSize } = rowLayout("l2Normalize", x);
  const run = (entry: string, buffers: Record<string, Tensor>) =>
    gpu.dispatch({
      kernel: normalizeKernel[packSize],
      entry,
      buffers,
      params: { rows, epsilon },
      workgroups: rows,
      constants,
    });
  const y = Tensor.empty(gpu, x.shape, "f32", needsGrad(x));
  run("forward", { x, y });
  return record(y, [x], [x], (dy) => {
    const dx = Tensor.empty(gpu, x.shape);
    run("backward", { x, dy, dx });
    return [dx];
  });
}

/**
 * a·b / (max(‖a‖, 1e-8) · max(‖b‖, 1e-8)) over the last axis: a, b [.., cols] give [..]. As PyTorch has it since 1.13,
 * the norms are bounded one by one; a zero row gives 0, and a gradient that is large (1e8 b/‖b‖) but finite.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { cosineSimilarity, Gpu, Tensor } from "unis/engine";
 *
 * const gpu = await Gpu.open();
 * const a = Tensor.from(gpu, Float32Array.of(1, 0), [1, 2]);
 * const b = Tensor.from(gpu, Float32Array.of(2, 2), [1, 2]);
 * const y = await cosineSimilarity(a, b).read();
 * assert.ok(Math.abs(y[0]! - Math.SQRT1_2) < 1e-6);
 * gpu.destroy();
 * ```
 */
export function cosineSimilarity(a: Tensor, b: Tensor): Tensor {
  mustBe("f32", "cosineSimilarity", a, b);
  if (!sameShape(a.shape, b.shape)) {
    throw new TypeError(`Cannot compare ${showShape(a.shape)} with ${showShape(b.shape)}: shapes differ`);
  }
  const { gpu } = a;
  const { rows, constants, packSize } = rowLayout("cosineSimilarity", a);
  const run = (entry: string, buffers: Record<string, Tensor>) =>
    gpu.dispatch({
      kernel: cosineKernel[packSize],
      entry,
      buffers,
      params: { rows },
      workgroups: rows,
      constants,
    });
  const y = Tensor.empty(gpu, a.shape.slice(0, -1), "f32", needsGrad(a, b));
  run("forward", { a, b, y });
  return record(y, [a, b], [a, b], (dy) => {
    const da = Tensor.empty(gpu, a.shape);
    const db = Tensor.empty(gpu, b.shape);
    run("backward", { a, b, dy, da, db });
    return [da, db];
  });
}
