/** Shapes: lists of dimensions, of tensors that lie in memory row by row. */

export type Shape = readonly number[];

/** The number of elements of a shape; 1 for [], a scalar. */
export function sizeOf(shape: Shape): number {
  let size = 1;
  for (const dimension of shape) size *= dimension;
  return size;
}

/** Throws TypeError for dimensions that are negative or no whole numbers. */
export function mustBeShape(shape: Shape): void {
  for (const dimension of shape) {
    if (!Number.isInteger(dimension) || dimension < 0) {
      throw new TypeError(
        `Cannot make a tensor of ${showShape(shape)}: dimensions are whole numbers from 0 on`,
      );
    }
  }
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((dimension, i) => dimension === b[i]);
}

/** A shape as messages show it: `[32, 197, 768]`. */
export function showShape(shape: Shape): string {
  return `[${shape.join(", ")}]`;
}

/** Turns an axis counted from either end into one counted from the front. Throws RangeError beyond the rank. */
export function axisOf(shape: Shape, axis: number): number {
  const fromFront = axis < 0 ? axis + shape.length : axis;
  if (!Number.isInteger(axis) || fromFront < 0 || fromFront >= shape.length) {
    throw new RangeError(`Cannot use axis ${axis}: the shape is ${showShape(shape)}`);
  }
  return fromFront;
}

/** Row-major strides, in elements. */
export function stridesOf(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = stride;
    stride *= shape[i]!;
  }
  return strides;
}

/**
 * The shape two shapes broadcast to, dimensions aligned at the end. Throws TypeError where they do not.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { broadcastShapes } from "unis/engine";
 *
 * assert.deepEqual(broadcastShapes([8, 1, 4], [3, 1]), [8, 3, 4]);
 * ```
 */
export function broadcastShapes(a: Shape, b: Shape): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const da = a[a.length - rank + i] ?? 1;
    const db = b[b.length - rank + i] ?? 1;
    if (da !== db && da !== 1 && db !== 1) {
      throw new TypeError(`Cannot broadcast ${showShape(a)} with ${showShape(b)}: ${da} meets ${db}`);
    }
    return da === 1 ? db : da;
  });
}
