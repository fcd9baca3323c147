import { feedForward } from "../../../src/ops/feed_forward.ts";
import { linear, matmul } from "../../../src/ops/matmul.ts";
import { normalCdf, product, Value } from "../oracle.ts";
import { type Case, type Exception, withHalves } from "../table.ts";

interface Size {
  readonly batch?: readonly number[];
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** b is shared by the batch. */
  readonly shared?: boolean;
}

const sizes: readonly Size[] = [
  { m: 1, n: 1, k: 1 },
  { m: 5, n: 9, k: 7 },
  { m: 16, n: 32, k: 4 },
  { m: 20, n: 36, k: 24 },
  { m: 67, n: 68, k: 72 },
  { m: 130, n: 132, k: 18 },
  { batch: [3], m: 8, n: 12, k: 20 },
  { batch: [2, 3], m: 5, n: 3, k: 2 },
  { batch: [4], m: 8, n: 12, k: 16, shared: true },
];

const density = (x: number) => Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI);
const gelu = (x: Value) => x.map((v) => v * normalCdf(v), (v) => normalCdf(v) + v * density(v));
const relu = (x: Value) => x.map((v) => Math.max(v, 0), (v) => Number(v > 0));

/** b repeated along the batch: the oracle wants equal leading dimensions. */
function repeated(b: Value, batch: readonly number[]): Value {
  const shape = [...batch, ...b.shape];
  return b.add(Value.of(shape, new Float64Array(product(shape))));
}

const SUMMED: Exception = {
  gradient: 2e-3,
  reason: "f16 rounds the gradient of each product before they are summed",
};
const FROM_ROUNDED: Exception = {
  gradient: 5e-3,
  reason: "f16 rounds the argument of the activation, which backward reads",
};

const SUM_ROUNDED: Exception = {
  forward: 2e-3,
  reason: "processors round the product to f16 before the residual is added",
};
const INNER_ROUNDED: Exception = {
  forward: 1e-2,
  gradient: 2e-2,
  reason: "f16 rounds the inner layer, sums of which nearly cancel",
};

const products: readonly Case[] = sizes.flatMap(({ batch = [], m, n, k, shared }) =>
  [[false, false], [false, true], [true, false], [true, true]].map(([transposeA, transposeB]): Case => ({
    name: `matmul ${transposeA ? "T" : "N"}${transposeB ? "T" : "N"} [${[...batch, m, k]}] [${n}]${
      shared ? " shared" : ""
    }`,
    inputs: [
      { shape: [...batch, ...transposeA ? [k, m] : [m, k]] },
      { shape: [...shared ? [] : batch, ...transposeB ? [n, k] : [k, n]] },
    ],
    op: (a, b) => matmul(a, b, { transposeA: transposeA!, transposeB: transposeB! }),
    oracle: (a, b) => {
      const whole = shared ? repeated(b, batch) : b;
      return (transposeA ? a.transpose() : a).matmul(transposeB ? whole.transpose() : whole);
    },
    ...(shared && { halves: SUMMED }),
  }))
);

const layers: readonly Case[] = [[1, 1, 1], [3, 5, 9], [34, 16, 20], [65, 36, 132]].flatMap((
  [rows, inputs, outputs],
) =>
  (["none", "relu", "gelu"] as const).map((activation): Case => ({
    name: `linear [${rows}, ${inputs}] to ${outputs}, ${activation}`,
    inputs: [{ shape: [rows!, inputs!] }, { shape: [outputs!, inputs!] }, {
      shape: [outputs!],
      single: true,
    }],
    op: (x, weight, bias) => linear(x, weight, bias, activation),
    oracle: (x, weight, bias) => {
      const h = x.matmul(weight.transpose()).add(bias);
      return activation === "relu" ? relu(h) : activation === "gelu" ? gelu(h) : h;
    },
    ...(activation === "gelu" && { halves: FROM_ROUNDED }),
  }))
);

export const matmulCases: readonly Case[] = [
  ...withHalves([
    ...products,
    ...layers,
    {
      name: "linear without a bias, on three dimensions",
      inputs: [{ shape: [2, 3, 8] }, { shape: [12, 8] }],
      op: (x, weight) => linear(x, weight),
      oracle: (x, weight) => x.reshape([6, 8]).matmul(weight.transpose()).reshape([2, 3, 12]),
    },
    {
      name: "linear and silu, which is a kernel of its own",
      inputs: [{ shape: [3, 5] }, { shape: [9, 5] }, { shape: [9], single: true }],
      op: (x, weight, bias) => linear(x, weight, bias, "silu"),
      oracle: (x, weight, bias) =>
        x.matmul(weight.transpose()).add(bias).map((v) => v / (1 + Math.exp(-v)), (v) => {
          const s = 1 / (1 + Math.exp(-v));
          return s + v * s * (1 - s);
        }),
      halves: FROM_ROUNDED,
    },
    {
      name: "linear and a residual",
      inputs: [{ shape: [5, 3, 12] }, { shape: [8, 12] }, { shape: [8], single: true }, { shape: [5, 3, 8] }],
      op: (x, weight, bias, residual) => linear(x, weight, bias, "none", { residual }),
      oracle: (x, weight, bias, residual) =>
        x.reshape([15, 12]).matmul(weight.transpose()).add(bias).reshape([5, 3, 8]).add(residual),
      halves: SUM_ROUNDED,
    },
    {
      name: "feedForward and a residual",
      inputs: [
        { shape: [34, 16] },
        { shape: [20, 16] },
        { shape: [20], single: true },
        { shape: [16, 20] },
        { shape: [16], single: true },
      ],
      op: (x, w1, b1, w2, b2) => feedForward(x, { weight: w1, bias: b1 }, { weight: w2, bias: b2 }, x),
      oracle: (x, w1, b1, w2, b2) =>
        gelu(x.matmul(w1.transpose()).add(b1)).matmul(w2.transpose()).add(b2).add(x),
      halves: INNER_ROUNDED,
    },
    {
      name: "linear by the weight of a convolution",
      inputs: [{ shape: [5, 12] }, { shape: [8, 3, 2, 2] }],
      op: (x, weight) => linear(x, weight),
      oracle: (x, weight) => x.matmul(weight.reshape([8, 12]).transpose()),
    },
  ]),
  {
    // Longer than one loop may be on any adapter: the inner dimension is split.
    name: "matmul with an inner dimension of 140,000",
    inputs: [{ shape: [2, 140000], range: [-1, 1] }, { shape: [140000, 4], range: [-1, 1] }],
    op: (a, b) => matmul(a, b),
    oracle: (a, b) => a.matmul(b),
    tolerance: { forward: 3e-3, reason: "a sum of 140,000 products" },
  },
  {
    name: "matmul of 66,000 products",
    inputs: [{ shape: [66000, 1, 2] }, { shape: [66000, 2, 1] }],
    op: (a, b) => matmul(a, b),
    oracle: (a, b) => a.matmul(b),
  },
];
