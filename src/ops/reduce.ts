/** Reductions over any axes: sum, mean, max. Their order is fixed, so that a run repeats bit for bit on an adapter. */
import { axisOf, type Shape, showShape, sizeOf } from "../tensor/shape.ts";
import { needsGrad, record } from "../tensor/tape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { mustBe } from "./check.ts";
import { div, equal, expand, mul } from "./arithmetic.ts";
import { scale } from "./pointwise.ts";
import { maxKernel, reduceAxes, sumKernel } from "./reduction.ts";

export interface ReduceOptions {
  /** Axes to reduce, counted from either end; all of them if not given. */
  readonly axes?: readonly number[];
  /** Keep reduced axes as dimensions of size one. */
  readonly keepDims?: boolean;
}

function mustBeReducible(op: string, x: Tensor, { axes }: ReduceOptions): number[] {
  mustBe("f32", op, x);
  if (x.size === 0) throw new RangeError(`Cannot ${op} ${showShape(x.shape)}: it has no elements`);
  const fromFront = axes ? axes.map((axis) => axisOf(x.shape, axis)) : x.shape.map((_, axis) => axis);
  if (new Set(fromFront).size < fromFront.length) {
    throw new TypeError(`Cannot ${op} ${showShape(x.shape)} over axes ${showShape(axes!)}: one comes twice`);
  }
  return fromFront;
}

function finalShape(kept: Shape, axes: readonly number[], keepDims = false): Shape {
  return keepDims ? kept : kept.filter((_, axis) => !axes.includes(axis));
}

function scaledSum(x: Tensor, axes: readonly number[], factor: number, keepDims?: boolean): Tensor {
  const reduced = reduceAxes(sumKernel, x, axes, factor);
  const y = reduced.view(finalShape(reduced.shape, axes, keepDims), { requiresGrad: needsGrad(x) });
  return record(y, [x], [], (dy) => [expand(scale(dy.view(reduced.shape), factor), x.shape)]);
}

/**
 * The sum over axes; x is f32. Throws RangeError for no elements or an axis beyond the rank, TypeError
 * for an axis that comes twice.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Gpu, sum, Tensor } from "unis/engine";
 *
 * const gpu = await Gpu.open();
 * const x = Tensor.from(gpu, Float32Array.of(1, 2, 3, 4), [2, 2]);
 * assert.deepEqual(await sum(x).read(), Float32Array.of(10));
 * assert.deepEqual(await sum(x, { axes: [0] }).read(), Float32Array.of(4, 6));
 * gpu.destroy();
 * ```
 */
export function sum(x: Tensor, options: ReduceOptions = {}): Tensor {
  return scaledSum(x, mustBeReducible("sum", x, options), 1, options.keepDims);
}

/**
 * The mean over axes; x is f32. Throws RangeError for no elements or an axis beyond the rank, TypeError
 * for an axis that comes twice.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Gpu, mean, Tensor } from "unis/engine";
 *
 * const gpu = await Gpu.open();
 * const x = Tensor.from(gpu, Float32Array.of(1, 2, 3, 4), [2, 2]);
 * const y = mean(x, { axes: [-1], keepDims: true });
 * assert.deepEqual([y.shape, await y.read()], [[2, 1], Float32Array.of(1.5, 3.5)]);
 * gpu.destroy();
 * ```
 */
export function mean(x: Tensor, options: ReduceOptions = {}): Tensor {
  const axes = mustBeReducible("mean", x, options);
  return scaledSum(x, axes, 1 / sizeOf(axes.map((axis) => x.shape[axis]!)), options.keepDims);
}

/**
 * The maximum over axes; x is f32. Elements that are equal get equal parts of the gradient. Throws RangeError for no
 * elements, or an axis beyond the rank.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Gpu, max, Tensor } from "unis/engine";
 *
 * const gpu = await Gpu.open();
 * const x = Tensor.from(gpu, Float32Array.of(1, 2, 4, 3), [2, 2]);
 * assert.deepEqual(await max(x, { axes: [1] }).read(), Float32Array.of(2, 4));
 * gpu.destroy();
 * ```
 */
export function max(x: Tensor, options: ReduceOptions = {}): Tensor {
  const axes = mustBeReducible("max", x, options);
  const reduced = reduceAxes(maxKernel, x, axes, 1);
  const y = reduced.view(finalShape(reduced.shape, axes, options.keepDims), { requiresGrad: needsGrad(x) });
  return record(y, [x], [x, reduced], (dy) => {
    const isMax = equal(x, reduced);
    const each = div(dy.view(reduced.shape), reduceAxes(sumKernel, isMax, axes, 1));
    return [mul(isMax, each)];
  });
}
