import { layerNorm } from "../../../src/ops/layer_norm.ts";
import { cosineSimilarity, l2Normalize } from "../../../src/ops/normalize.ts";
import { logsumexp, maskedSoftmax, softmax } from "../../../src/ops/softmax.ts";
import { Tensor } from "../../../src/tensor/tensor.ts";
import { product, Value } from "../oracle.ts";
import { type Case, generator, type Input } from "../table.ts";

type Range = readonly [number, number];

/**
 * One column; one row; widths that four divides and does not, that eight lanes divide and do not; one that takes more
 * lanes. Few widths: each is a pipeline of its own.
 */
const shapes: readonly (readonly number[])[] = [
  [1],
  [1, 1],
  [5, 3],
  [2, 3, 37],
  [4, 44],
  [3, 64],
  [3, 261],
  [70000, 3], // more than 65,535 workgroups
];

/** For those that carry the most: in fours, and more than eight lanes should hold. */
const wide = [2, 1028];

const ranges: Readonly<Record<string, Range>> = {
  "±80": [-80, 80],
  "around 10,000": [9990, 10010],
  "around -10,000": [-10002, -9998],
};

/** The largest of each row, which the oracle subtracts as a constant. */
const constantMax = (x: Value) => new Value([...x.shape.slice(0, -1), 1], x.max(-1).data);
const squeezed = (y: Value) => y.reshape(y.shape.slice(0, -1));

function softmaxOf(x: Value, mask?: Value): Value {
  const shifted = x.sub(constantMax(x)).exp();
  const weights = mask ? shifted.mul(mask) : shifted;
  // Nothing kept: 0 / 0 is to be 0.
  return weights.div(weights.sum(-1).map((sum) => sum === 0 ? 1 : sum, () => 1));
}

function logsumexpOf(x: Value): Value {
  const top = constantMax(x);
  return x.sub(top).exp().sum(-1).log().add(top);
}

const meanOf = (x: Value) => x.sum(-1).affine(1 / x.shape.at(-1)!);

function layerNormOf(x: Value, gamma: Value, beta: Value, epsilon: number): Value {
  const centred = x.sub(meanOf(x));
  const deviation = meanOf(centred.mul(centred)).affine(1, epsilon).sqrt();
  return centred.div(deviation).mul(gamma).add(beta);
}

/** max(‖x‖, epsilon) of each row. */
function normOf(x: Value, epsilon: number): Value {
  return x.mul(x).sum(-1).map(
    (square) => Math.max(Math.sqrt(square), epsilon),
    (square, norm) => Math.sqrt(square) < epsilon ? 0 : 0.5 / norm,
  );
}

const cosineOf = (a: Value, b: Value) => squeezed(a.div(normOf(a, 1e-8)).mul(b.div(normOf(b, 1e-8))).sum(-1));

interface RowOp {
  readonly op: (...inputs: Tensor[]) => Tensor;
  readonly oracle: (...inputs: Value[]) => Value;
  readonly inputs: (shape: readonly number[], range?: Range) => Input[];
  readonly halves?: true;
}

const x = (shape: readonly number[], range?: Range): Input => range ? { shape, range } : { shape };

const parameter = (shape: readonly number[]): Input => ({ shape: [shape.at(-1)!], single: true });

const rowOps: Readonly<Record<string, RowOp>> = {
  softmax: { op: softmax, oracle: (x) => softmaxOf(x), inputs: (shape, range) => [x(shape, range)] },
  logsumexp: {
    op: (x) => logsumexp(x),
    oracle: (x) => squeezed(logsumexpOf(x)),
    inputs: (shape, range) => [x(shape, range)],
  },
  layerNorm: {
    op: (x, gamma, beta) => layerNorm(x, gamma, beta, 1e-5),
    oracle: (x, gamma, beta) => layerNormOf(x, gamma, beta, 1e-5),
    inputs: (shape, range) => [x(shape, range), parameter(shape), parameter(shape)],
    halves: true,
  },
  l2Normalize: {
    op: (x) => l2Normalize(x),
    oracle: (x) => x.div(normOf(x, 1e-12)),
    inputs: (shape, range) => [x(shape, range ?? [0.1, 2])],
  },
  cosineSimilarity: {
    op: cosineSimilarity,
    oracle: cosineOf,
    // The second stays near nought: of two rows around 10,000 the gradient is the difference of nearly equal vectors.
    inputs: (shape, range) => [x(shape, range ?? [0.1, 2]), x(shape, [-1, 3])],
  },
};

interface Mask {
  readonly shape: readonly number[];
  readonly mask: readonly number[];
  readonly keep: (i: number) => number;
  readonly words?: "f32";
}

const random = generator(11);
const some = () => Number(random() < 0.6);

const masks: readonly Mask[] = [
  { shape: [1], mask: [1], keep: () => 0 },
  { shape: [4, 3], mask: [3], keep: some },
  { shape: [6, 37], mask: [6, 37], keep: some, words: "f32" },
  { shape: [3, 2, 5, 8], mask: [3, 8], keep: (i) => Number(i % 8 < [8, 3, 0][Math.floor(i / 8)]!) },
  { shape: [2, 3, 4, 37], mask: [2, 3, 37], keep: some, words: "f32" },
  { shape: [2, 3, 1, 44], mask: [2, 3, 1, 44], keep: some },
  { shape: [35000, 2, 3], mask: [35000, 3], keep: some },
];

/** The mask as the oracle broadcasts it, with ones where it has no dimension. */
function maskValue({ shape, mask }: Mask, words: ArrayLike<number>): Value {
  const between = new Array<number>(shape.length - mask.length).fill(1);
  return Value.of([...mask.slice(0, -1), ...between, mask.at(-1)!], words);
}

const outlier = (i: number) => i % 37 === 0 ? 1e4 : i * 7919 % 100 / 50 - 1;

export const rowCases: readonly Case[] = [
  ...Object.entries(rowOps).flatMap(([name, { op, oracle, inputs, ...more }]) => [
    ...shapes.map((shape): Case => ({
      name: `${name} [${shape}]`,
      inputs: inputs(shape),
      op,
      oracle,
      ...more,
    })),
    ...Object.entries(ranges).flatMap(([where, range]) =>
      [[6, 37], [6, 64]].map((shape): Case => (
        { name: `${name} [${shape}] ${where}`, inputs: inputs(shape, range), op, oracle, ...more }
      ))
    ),
  ]),
  ...["softmax", "layerNorm"].map((name): Case => {
    const { op, oracle, inputs } = rowOps[name]!;
    return { name: `${name} [${wide}]`, inputs: inputs(wide), op, oracle };
  }),
  ...masks.map((row): Case => {
    const words = Array.from({ length: product(row.mask) }, (_, i) => row.keep(i));
    const data = row.words === "f32" ? Float32Array.from(words) : Uint32Array.from(words);
    return {
      name: `maskedSoftmax [${row.shape}] by ${row.words ?? "u32"} [${row.mask}]`,
      inputs: [{ shape: row.shape, range: [-30, 30] }],
      op: (x) => maskedSoftmax(x, Tensor.from(x.gpu, data, row.mask)),
      oracle: (x) => softmaxOf(x, maskValue(row, words)),
    };
  }),
  {
    name: "logsumexp keeping dimensions",
    inputs: [{ shape: [2, 3, 37] }],
    op: (x) => logsumexp(x, { keepDims: true }),
    oracle: logsumexpOf,
  },
  {
    name: "layerNorm of rows that begin with an outlier",
    inputs: [
      { shape: [4, 37], values: Array.from({ length: 148 }, (_, i) => outlier(i)) },
      { shape: [37] },
      { shape: [37] },
    ],
    op: (x, gamma, beta) => layerNorm(x, gamma, beta, 1e-5),
    oracle: (x, gamma, beta) => layerNormOf(x, gamma, beta, 1e-5),
  },
  {
    name: "layerNorm of constant rows",
    inputs: [
      { shape: [3, 37], values: new Array<number>(111).fill(0.1) },
      { shape: [37] },
      { shape: [37] },
    ],
    op: (x, gamma, beta) => layerNorm(x, gamma, beta, 1e-3),
    oracle: (x, gamma, beta) => layerNormOf(x, gamma, beta, 1e-3),
  },
  {
    name: "l2Normalize of rows shorter than epsilon",
    inputs: [{ shape: [3, 3], values: [0.1, -0.2, 0.3, 1, 2, -3, 0, 0, 0] }],
    op: (x) => l2Normalize(x, 0.5),
    oracle: (x) => x.div(normOf(x, 0.5)),
  },
];
