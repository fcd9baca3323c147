import { concat, pad, permute, reshape, slice, transpose } from "../../../src/ops/shape.ts";
import { concatValues, product, sliceValue, Value } from "../oracle.ts";
import { type Case, withHalves } from "../table.ts";

const reshapes: readonly (readonly [from: readonly number[], to: readonly number[]])[] = [
  [[1], []],
  [[2, 3, 5], [30]],
  [[2, 3, 5], [6, -1]],
  [[7], [-1, 1]],
];

const orders: readonly { shape: readonly number[]; order: readonly number[] }[] = [
  { shape: [1], order: [0] },
  { shape: [1, 1, 1], order: [2, 0, 1] },
  { shape: [3, 5], order: [1, 0] },
  { shape: [3, 1, 5], order: [1, 0, 2] }, // nothing moves but a dimension of one
  { shape: [3, 5, 7], order: [2, 0, 1] },
  { shape: [3, 5, 7], order: [1, 0, -1] },
  { shape: [2, 7, 3, 8], order: [0, 2, 1, 3] }, // heads out of tokens, four elements at a time
  { shape: [2, 3, 4, 5], order: [3, 2, 1, 0] },
  { shape: [2, 3, 4, 3, 2], order: [2, 3, 0, 1, 4] }, // five axes in three groups
  { shape: [2, 3, 2, 3, 2, 4], order: [2, 3, 0, 1, 4, 5] },
];

const slices: readonly { shape: readonly number[]; axis: number; start: number; end: number }[] = [
  { shape: [1], axis: 0, start: 0, end: 1 },
  { shape: [7], axis: 0, start: 2, end: 5 },
  { shape: [5, 7], axis: 1, start: 3, end: 7 },
  { shape: [5, 7], axis: 0, start: 4, end: 5 },
  { shape: [3, 5, 8], axis: 1, start: 0, end: 1 }, // the first token
  { shape: [3, 4, 5], axis: 1, start: 1, end: 3 },
  { shape: [3, 16], axis: 1, start: 4, end: 12 },
  { shape: [3, 16], axis: 1, start: 4, end: 9 },
];

const pads: readonly { shape: readonly number[]; axis: number; before: number; after: number }[] = [
  { shape: [5], axis: 0, before: 0, after: 0 },
  { shape: [2, 3], axis: 1, before: 0, after: 1 },
  { shape: [3, 2, 5], axis: 1, before: 2, after: 0 },
  { shape: [2, 4, 8], axis: 1, before: 1, after: 3 },
];

const concats: readonly { shapes: readonly (readonly number[])[]; axis: number }[] = [
  { shapes: [[1]], axis: 0 },
  { shapes: [[3], [1], [5]], axis: 0 },
  { shapes: [[2, 3], [2, 4]], axis: 1 },
  { shapes: [[3, 1, 8], [3, 6, 8]], axis: 1 }, // a class token before the others
  { shapes: [[2, 3, 5], [1, 3, 5], [4, 3, 5]], axis: 0 },
  { shapes: [[2, 3, 4], [2, 3, 8]], axis: 2 },
];

export const shapeCases: readonly Case[] = withHalves([
  ...reshapes.map(([from, to]): Case => ({
    name: `reshape [${from}] to [${to}]`,
    inputs: [{ shape: from }],
    op: (x) => reshape(x, to),
    oracle: (x) => x.reshape(to.map((size) => size < 0 ? product(from) / -product(to) : size)),
  })),
  ...orders.map(({ shape, order }): Case => ({
    name: `permute [${shape}] by ${order}`,
    inputs: [{ shape }],
    op: (x) => permute(x, order),
    oracle: (x) => x.permute(...order.map((axis) => axis < 0 ? axis + shape.length : axis)),
  })),
  ...[[1, 1], [4, 7], [3, 5, 2], [2, 1, 3, 4]].map((shape): Case => ({
    name: `transpose [${shape}]`,
    inputs: [{ shape }],
    op: transpose,
    oracle: (x) => x.transpose(),
  })),
  ...slices.map(({ shape, axis, start, end }): Case => ({
    name: `slice [${shape}] axis ${axis} ${start} to ${end}`,
    inputs: [{ shape }],
    op: (x) => slice(x, axis, start, end),
    oracle: (x) => sliceValue(x, axis, start, end),
  })),
  ...pads.map(({ shape, axis, before, after }): Case => ({
    name: `pad [${shape}] axis ${axis} by ${before} and ${after}`,
    inputs: [{ shape }],
    op: (x) => pad(x, axis, before, after),
    oracle: (x) => {
      const zeros = (count: number) => {
        const around = x.shape.with(axis, count);
        return Value.of(around, new Float64Array(product(around)));
      };
      return concatValues([zeros(before), x, zeros(after)], axis);
    },
  })),
  {
    name: "slice to the end of an axis counted from the back",
    inputs: [{ shape: [3, 5] }],
    op: (x) => slice(x, -1, 2),
    oracle: (x) => sliceValue(x, 1, 2, 5),
  },
  ...concats.map(({ shapes, axis }): Case => ({
    name: `concat ${shapes.map((shape) => `[${shape}]`).join(" ")} axis ${axis}`,
    inputs: shapes.map((shape) => ({ shape })),
    op: (...inputs) => concat(inputs, axis),
    oracle: (...inputs) => concatValues(inputs, axis),
  })),
  {
    name: "concat of a tensor with itself",
    inputs: [{ shape: [3, 5] }],
    op: (x) => concat([x, x], -1),
    oracle: (x) => concatValues([x, x], 1),
  },
  {
    name: "concat with a part that gets no gradient",
    inputs: [{ shape: [3, 5] }, { shape: [3, 2], constant: true }],
    op: (a, b) => concat([b, a], 1),
    oracle: (a, b) => concatValues([b, a], 1),
  },
]);
