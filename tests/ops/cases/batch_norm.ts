import { batchNorm, type BatchNormOptions } from "../../../src/ops/batch_norm.ts";
import { full } from "../../../src/ops/fill.ts";
import type { Tensor } from "../../../src/tensor/tensor.ts";
import type { Value } from "../oracle.ts";
import { type Case, type Input, withHalves } from "../table.ts";

/** Sizes that four divides and does not; rows of one chunk, of several and of one that is not full; one channel. */
const shapes: readonly (readonly number[])[] = [
  [2, 1],
  [5, 3],
  [33, 4],
  [2, 7, 5, 8],
  [3, 5, 5, 37],
  [1050, 12],
  [1100, 3],
];

const overRows = ({ shape }: Value) => shape.slice(0, -1).map((_, axis) => axis);
const meanOf = (x: Value) => x.sum(...overRows(x)).affine(x.shape.at(-1)! / x.data.length);

function normalise(x: Value, mean: Value, variance: Value, gamma: Value, beta: Value): Value {
  return x.sub(mean).div(variance.affine(1, 1e-3).sqrt()).mul(gamma).add(beta);
}

function byBatch(x: Value, gamma: Value, beta: Value): Value {
  const centred = x.sub(meanOf(x));
  return normalise(x, meanOf(x), meanOf(centred.mul(centred)), gamma, beta);
}

/** By statistics of x; those that run are in no input, and move. */
function moving(x: Tensor, gamma: Tensor, beta: Tensor): Tensor {
  const one = full(x.gpu, gamma.shape, 1);
  const running = { mean: full(x.gpu, gamma.shape, 0), variance: one, batches: full(x.gpu, [1], 0) };
  return batchNorm(x, gamma, beta, running, { ...OPTIONS, statistics: "batch", momentum: 0.1 });
}

const OPTIONS: Omit<BatchNormOptions, "statistics"> = { epsilon: 1e-3 };

const channels = (shape: readonly number[]): Input => ({ shape: [shape.at(-1)!], single: true });

const batch = (name: string, x: Input, channelsOf: Input): Case => ({
  name: `batchNorm ${name}`,
  inputs: [x, channelsOf, channelsOf],
  op: moving,
  oracle: byBatch,
});

export const batchNormCases: readonly Case[] = [
  ...withHalves(shapes.map((shape) => batch(`[${shape}]`, { shape }, channels(shape)))),
  // Halves have no digits left of numbers so far from 0.
  ...([[9990, 10010], [-10002, -9998]] as const).flatMap((range) =>
    [[600, 8], [70, 3]].map((shape) => batch(`[${shape}] in ${range}`, { shape, range }, channels(shape)))
  ),
  batch(
    "[40, 3] of columns that begin with an outlier",
    { shape: [40, 3], values: Array.from({ length: 120 }, (_, i) => i < 3 ? 100 : i * 7919 % 100 / 50 - 1) },
    { shape: [3] },
  ),
  batch("[40, 3] of constant columns", { shape: [40, 3], values: new Array(120).fill(0.1) }, { shape: [3] }),
  ...withHalves([[1, 3], [40, 5], [3, 3, 8], [1100, 12]].map((shape): Case => ({
    name: `batchNorm [${shape}] by running statistics`,
    inputs: [
      { shape },
      channels(shape),
      channels(shape),
      { ...channels(shape), constant: true },
      { ...channels(shape), constant: true, range: [0.1, 3] },
    ],
    op: (x, gamma, beta, mean, variance) => {
      const running = { mean: mean!, variance: variance!, batches: full(x!.gpu, [1], 0) };
      return batchNorm(x!, gamma!, beta!, running, { ...OPTIONS, statistics: "running", momentum: 0.1 });
    },
    oracle: (x, gamma, beta, mean, variance) => normalise(x!, mean!, variance!, gamma!, beta!),
  }))),
];
