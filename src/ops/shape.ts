/** Ops that only arrange elements: reshape, permute, slice, concat, detach. u32 has no gradient. */
import { defineKernel } from "../gpu/kernel.ts";
import { axisOf, type Shape, showShape, sizeOf, stridesOf } from "../tensor/shape.ts";
import { needsGrad, record } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { mergeDimensions } from "./broadcast.ts";
import { mustBeWords, packConstants, packSizeOf } from "./packs.ts";
import grid from "../../wgsl/lib/grid.wgsl" with { type: "text" };
import permute_ from "../../wgsl/shape/permute.wgsl" with { type: "text" };
import slice_ from "../../wgsl/shape/slice.wgsl" with { type: "text" };
import strided from "../../wgsl/lib/strided.wgsl" with { type: "text" };

/**
 * The same elements under another shape, as a view. One dimension may be -1: it takes what the others leave. Throws
 * TypeError where the number of elements differs.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Gpu, reshape, Tensor } from "unis/engine";
 *
 * const gpu = await Gpu.open();
 * const x = Tensor.from(gpu, Float32Array.of(1, 2, 3, 4, 5, 6), [2, 3]);
 * assert.deepEqual(reshape(x, [3, -1]).shape, [3, 2]);
 * gpu.destroy();
 * ```
 */
export function reshape(x: Tensor, shape: Shape): Tensor {
  const y = x.view(completeShape(x, shape), { requiresGrad: needsGrad(x) });
  return record(y, [x], [], (dy) => [dy.view(x.shape)]);
}

function completeShape(x: Tensor, shape: Shape): Shape {
  const open = shape.indexOf(-1);
  const known = sizeOf(shape.filter((_, axis) => axis !== open));
  const complete = open < 0 ? shape : shape.with(open, x.size / known);
  const isShape = complete.every((size) => Number.isInteger(size) && size >= 0);
  if (!isShape || sizeOf(complete) !== x.size) {
    throw new TypeError(
      `Cannot reshape ${showShape(x.shape)} to ${showShape(shape)}: it has ${x.size} elements`,
    );
  }
  return complete;
}

/**
 * A view of the same elements that no gradient passes.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { detach, Gpu, Tensor } from "unis/engine";
 *
 * const gpu = await Gpu.open();
 * const x = Tensor.from(gpu, Float32Array.of(1, 2), [2], true);
 * assert.deepEqual([x.requiresGrad, detach(x).requiresGrad], [true, false]);
 * gpu.destroy();
 * ```
 */
export function detach(x: Tensor): Tensor {
  return x.view(x.shape);
}

const permuteKernel = defineKernel("permute", [permute_, grid, strided]);

/**
 * Reorders axes: axis i of the result is axis `order[i]` of x. The result is a view where only dimensions of one move.
 * @throws TypeError where `order` is not one of x's axes; RangeError where more than four groups of axes move apart
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Gpu, permute, Tensor } from "unis/engine";
 *
 * const gpu = await Gpu.open();
 * const x = Tensor.from(gpu, Float32Array.of(1, 2, 3, 4, 5, 6), [2, 3]);
 * const y = permute(x, [1, 0]);
 * assert.deepEqual([y.shape, await y.read()], [[3, 2], Float32Array.of(1, 4, 2, 5, 3, 6)]);
 * gpu.destroy();
 * ```
 */
export function permute(x: Tensor, order: readonly number[]): Tensor {
  const axes = order.map((axis) => axisOf(x.shape, axis));
  if (axes.length !== x.rank || new Set(axes).size !== x.rank) {
    throw new TypeError(
      `Cannot permute ${showShape(x.shape)} by ${showShape(order)}: not an order of its axes`,
    );
  }
  mustBeWords("permute", x);
  const inverse = axes.map((_, axis) => axes.indexOf(axis));
  return record(permuted(x, axes, needsGrad(x)), [x], [], (dy) => [permuted(dy, inverse, false)]);
}

function permuted(x: Tensor, axes: readonly number[], requiresGrad: boolean): Tensor {
  const own = stridesOf(x.shape);
  const shape = axes.map((axis) => x.shape[axis]!);
  const { dims: [d0, d1, d2, d3], strides } = mergeDimensions(shape, [axes.map((axis) => own[axis]!)]);
  const [s0, s1, s2, s3] = strides[0]!;
  const inOrder = d3 === x.size && s3 <= 1;
  if (inOrder) return x.view(shape, { requiresGrad });
  const y = Tensor.empty(x.gpu, shape, x.dtype, requiresGrad);
  const packSize = s3 === 1 ? packSizeOf(d3) : 1; // the other steps are then multiples of d3
  const count = d0 * d1 * d2 * d3 / packSize;
  const params = {
    count,
    d1,
    d2,
    d3: d3 / packSize,
    s0: s0 / packSize,
    s1: s1 / packSize,
    s2: s2 / packSize,
    s3,
  };
  x.gpu.dispatch({
    kernel: permuteKernel,
    entry: "permute",
    buffers: { x, y },
    params,
    invocations: count,
    constants: packConstants(x, packSize),
  });
  return y;
}

/**
 * Swaps the last two axes. Throws TypeError for fewer than two.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Gpu, Tensor, transpose } from "unis/engine";
 *
 * const gpu = await Gpu.open();
 * const x = Tensor.from(gpu, Float32Array.of(1, 2, 3, 4, 5, 6), [2, 3]);
 * const y = transpose(x);
 * assert.deepEqual([y.shape, await y.read()], [[3, 2], Float32Array.of(1, 4, 2, 5, 3, 6)]);
 * gpu.destroy();
 * ```
 */
export function transpose(x: Tensor): Tensor {
  if (x.rank < 2) throw new TypeError(`Cannot transpose ${showShape(x.shape)}: it has fewer than two axes`);
  return permute(x, x.shape.map((_, axis) => axis < x.rank - 2 ? axis : 2 * x.rank - 3 - axis));
}

const sliceKernel = defineKernel("slice", [slice_, grid]);

/** The place of a part in each of the `outer` runs of a whole, all counted in elements. */
interface Part {
  readonly outer: number;
  readonly whole: number;
  readonly part: number;
  readonly start: number;
}

/** Moves a part, in one pass over it, or over the whole for `place`. `added`, not for `place`: y holds the sum afterwards. */
function move(entry: "cut" | "paste" | "place", x: Tensor, y: Tensor, at: Part, added = false): Tensor {
  const packSize = packSizeOf(at.whole, at.part, at.start);
  const [whole, part, start] = [at.whole / packSize, at.part / packSize, at.start / packSize];
  const count = at.outer * (entry === "place" ? whole : part);
  const passes = added ? 3 : 2; // what is added to is read as well
  x.gpu.dispatch({
    kernel: sliceKernel,
    entry,
    buffers: { x, y },
    params: { count, whole, part, start },
    invocations: count,
    constants: { ...packConstants(x, packSize), ...(added && { ADDED: true }) },
    work: () => ({ bytes: entry === "place" ? x.bytes + y.bytes : passes * Math.min(x.bytes, y.bytes) }),
  });
  return y;
}

function partOf(shape: Shape, axis: number, start: number, length: number): Part {
  const inner = sizeOf(shape.slice(axis + 1));
  return {
    outer: sizeOf(shape.slice(0, axis)),
    whole: shape[axis]! * inner,
    part: length * inner,
    start: start * inner,
  };
}

/**
 * The elements from `start` up to, but not including, `end` of an axis; up to its last if `end` is not given. Throws
 * RangeError for a range that is empty or beyond the axis.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Gpu, slice, Tensor } from "unis/engine";
 *
 * const gpu = await Gpu.open();
 * const x = Tensor.from(gpu, Float32Array.of(1, 2, 3, 4, 5, 6), [2, 3]);
 * assert.deepEqual(await slice(x, 1, 1, 3).read(), Float32Array.of(2, 3, 5, 6));
 * gpu.destroy();
 * ```
 */
export function slice(x: Tensor, axis: number, start: number, end?: number): Tensor {
  mustBeWords("slice", x);
  const along = axisOf(x.shape, axis);
  const size = x.shape[along]!;
  const stop = end ?? size;
  if (!Number.isInteger(start) || !Number.isInteger(stop) || start < 0 || stop > size || start >= stop) {
    throw new RangeError(`Cannot slice ${start} to ${stop} of axis ${axis} of ${showShape(x.shape)}`);
  }
  const part = partOf(x.shape, along, start, stop - start);
  const y = Tensor.empty(x.gpu, x.shape.with(along, stop - start), x.dtype, needsGrad(x));
  return record(move("cut", x, y, part), [x], [], (dy, _, [sink]) => [
    sink?.dtype === dy.dtype
      ? move("paste", dy, sink, part, true)
      : move("place", dy, Tensor.empty(dy.gpu, x.shape, dy.dtype), part),
  ]);
}

/**
 * Joins tensors along an axis. Throws TypeError where types or other dimensions differ.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { concat, Gpu, Tensor } from "unis/engine";
 *
 * const gpu = await Gpu.open();
 * const x = Tensor.from(gpu, Float32Array.of(1, 2, 3, 4, 5, 6), [2, 3]);
 * const y = concat([x, x], 0);
 * assert.deepEqual(y.shape, [4, 3]);
 * gpu.destroy();
 * ```
 */
export function concat(tensors: readonly Tensor[], axis: number): Tensor {
  const [first] = tensors;
  if (!first) throw new TypeError("Cannot concat no tensors");
  mustBeWords("concat", ...tensors);
  const along = axisOf(first.shape, axis);
  for (const { shape, dtype } of tensors) {
    const fits = shape.length === first.rank &&
      shape.every((size, i) => i === along || size === first.shape[i]) && dtype === first.dtype;
    if (!fits) {
      throw new TypeError(
        `Cannot concat ${first.dtype} ${showShape(first.shape)} and ${dtype} ${
          showShape(shape)
        } along ${axis}`,
      );
    }
  }
  const total = tensors.reduce((sum, { shape }) => sum + shape[along]!, 0);
  const y = Tensor.empty(first.gpu, first.shape.with(along, total), first.dtype, needsGrad(...tensors));
  let start = 0;
  const parts = tensors.map((x) => {
    const part = partOf(y.shape, along, start, x.shape[along]!);
    start += x.shape[along]!;
    return part;
  });
  for (const [i, x] of tensors.entries()) move("paste", x, y, parts[i]!);
  return record(y, tensors, [], (dy, needed, sinks) =>
    tensors.map((x, i) => {
      if (!needed[i]) return undefined;
      const sink = sinks[i]?.dtype === dy.dtype ? sinks[i] : undefined;
      return move("cut", dy, sink ?? Tensor.empty(dy.gpu, x.shape, dy.dtype), parts[i]!, sink !== undefined);
    }));
}

/**
 * Zeros before and after the elements of an axis. Throws RangeError where their numbers are no whole ones from 0 on.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Gpu, pad, Tensor } from "unis/engine";
 *
 * const gpu = await Gpu.open();
 * const x = Tensor.from(gpu, Float32Array.of(1, 2, 3, 4), [2, 2]);
 * assert.deepEqual(await pad(x, 1, 0, 1).read(), Float32Array.of(1, 2, 0, 3, 4, 0));
 * gpu.destroy();
 * ```
 */
export function pad(x: Tensor, axis: number, before: number, after: number): Tensor {
  mustBeWords("pad", x);
  const along = axisOf(x.shape, axis);
  if (![before, after].every((count) => Number.isInteger(count) && count >= 0)) {
    throw new RangeError(`Cannot pad by ${before} and ${after}: they must be whole numbers from 0 on`);
  }
  const size = x.shape[along]!;
  const shape = x.shape.with(along, before + size + after);
  const part = partOf(shape, along, before, size);
  const y = Tensor.empty(x.gpu, shape, x.dtype, needsGrad(x));
  return record(move("place", x, y, part), [x], [], (dy, _, [sink]) => {
    const isAdded = sink?.dtype === dy.dtype;
    return [move("cut", dy, isAdded ? sink! : Tensor.empty(dy.gpu, x.shape, dy.dtype), part, isAdded)];
  });
}
