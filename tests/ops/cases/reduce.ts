import { max, mean, sum } from "../../../src/ops/reduce.ts";
import { product, type Value } from "../oracle.ts";
import type { Case } from "../table.ts";

const reductions = {
  sum: { op: sum, oracle: (x: Value, axes: number[]) => x.sum(...axes) },
  mean: {
    op: mean,
    oracle: (x: Value, axes: number[]) =>
      x.sum(...axes).affine(1 / product(axes.map((axis) => x.shape[axis]!))),
  },
  max: { op: max, oracle: (x: Value, axes: number[]) => x.max(...axes) },
};

const shapes: readonly { shape: readonly number[]; axes: number[] }[] = [
  { shape: [1], axes: [0] },
  { shape: [5, 7], axes: [0] },
  { shape: [5, 7], axes: [1] },
  { shape: [5, 7], axes: [0, 1] },
  { shape: [3, 4, 5], axes: [1] },
  { shape: [3, 4, 5, 2], axes: [0, 2] },
  { shape: [1300, 3], axes: [0] }, // several chunks of rows
  { shape: [2, 40000], axes: [1] }, // several chunks of a row
  { shape: [70000, 2], axes: [1] }, // beyond 65,535 workgroups
];

const squeezed = (y: Value, axes: number[]) => y.reshape(y.shape.filter((_, i) => !axes.includes(i)));

export const reduceCases: readonly Case[] = Object.entries(reductions).flatMap(([name, { op, oracle }]) => [
  ...shapes.map(({ shape, axes }): Case => ({
    name: `${name} [${shape}] over ${axes}`,
    inputs: [{ shape }],
    op: (x) => op(x, { axes }),
    oracle: (x) => squeezed(oracle(x, axes), axes),
  })),
  {
    name: `${name} keeping dimensions`,
    inputs: [{ shape: [3, 4, 5] }],
    op: (x) => op(x, { axes: [-1], keepDims: true }),
    oracle: (x) => oracle(x, [2]),
  },
  {
    name: `${name} of everything`,
    inputs: [{ shape: [3, 4] }],
    op: (x) => op(x),
    oracle: (x) => oracle(x, [0, 1]).reshape([]),
  },
]);
