import * as arithmetic from "../../../src/ops/arithmetic.ts";
import * as pointwise from "../../../src/ops/pointwise.ts";
import { normalCdf, Value } from "../oracle.ts";
import { cast } from "../../../src/ops/cast.ts";
import { type Case, type Exception, type Input, withHalves } from "../table.ts";
import type { Tensor } from "../../../src/tensor/tensor.ts";

const ops = { ...arithmetic, ...pointwise };

interface Unary {
  readonly op: (x: Tensor) => Tensor;
  readonly oracle: (x: Value) => Value;
  readonly range?: readonly [number, number];
}

const density = (x: number) => Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI);

const geluOf = (x: Value) => x.map((v) => v * normalCdf(v), (v) => normalCdf(v) + v * density(v));

/** x σ(g(x)), with σ the logistic function and g' the slope of g. */
const gated = (g: (x: number) => number, slope: (x: number) => number) => (x: Value) =>
  x.map((v) => v / (1 + Math.exp(-g(v))), (v) => {
    const s = 1 / (1 + Math.exp(-g(v)));
    return s + v * s * (1 - s) * slope(v);
  });
const root = Math.sqrt(2 / Math.PI);
/** By its usual formula, where the kernel has a sigmoid. */
const geluTanhOf = (x: Value) => {
  const inner = (v: number) => Math.tanh(root * (v + 0.044715 * v ** 3));
  return x.map(
    (v) => v * (1 + inner(v)) / 2,
    (v) => (1 + inner(v)) / 2 + v / 2 * (1 - inner(v) ** 2) * root * (1 + 3 * 0.044715 * v ** 2),
  );
};
const quickGeluOf = gated((v) => 1.702 * v, () => 1.702);
const siluOf = gated((v) => v, () => 1);

const unary: Record<string, Unary> = {
  neg: { op: ops.neg, oracle: (x) => x.affine(-1) },
  exp: { op: ops.exp, oracle: (x) => x.exp() },
  log: { op: ops.log, oracle: (x) => x.log(), range: [0.1, 5] },
  sqrt: { op: ops.sqrt, oracle: (x) => x.sqrt(), range: [0.1, 5] },
  tanh: { op: ops.tanh, oracle: (x) => x.map(Math.tanh, (_, y) => 1 - y * y), range: [-4, 4] },
  "tanh far out": { op: ops.tanh, oracle: (x) => x.map(Math.tanh, (_, y) => 1 - y * y), range: [-400, 400] },
  relu: { op: ops.relu, oracle: (x) => x.map((v) => Math.max(v, 0), (v) => Number(v > 0)) },
  gelu: {
    op: ops.gelu,
    oracle: geluOf,
    range: [-6, 6],
  },
  "gelu where its tanh form differs most": {
    op: ops.gelu,
    oracle: geluOf,
    range: [-3, -1.5],
  },
  "gelu far out": {
    op: ops.gelu,
    oracle: geluOf,
    range: [-300, 300],
  },
  geluTanh: { op: ops.geluTanh, oracle: geluTanhOf, range: [-6, 6] },
  "geluTanh far out": { op: ops.geluTanh, oracle: geluTanhOf, range: [-300, 300] },
  quickGelu: { op: ops.quickGelu, oracle: quickGeluOf, range: [-6, 6] },
  "quickGelu far out": { op: ops.quickGelu, oracle: quickGeluOf, range: [-300, 300] },
  silu: { op: ops.silu, oracle: siluOf, range: [-6, 6] },
  "silu far out": { op: ops.silu, oracle: siluOf, range: [-300, 300] },
  scale: { op: (x) => ops.scale(x, -0.3), oracle: (x) => x.affine(-0.3) },
  affine: { op: (x) => ops.affine(x, 1.7, 4), oracle: (x) => x.affine(1.7, 4) },
};

interface Binary {
  readonly op: (a: Tensor, b: Tensor) => Tensor;
  readonly oracle: (a: Value, b: Value) => Value;
  readonly range?: readonly [number, number];
  readonly halves?: Exception;
}

/** For ops whose gradient is more than one op. */
const IN_STEPS: Exception = {
  gradient: 1e-3,
  reason: "f16 rounds the factors of a gradient before they are summed",
};

const binary: Record<string, Binary> = {
  add: { op: ops.add, oracle: (a, b) => a.add(b) },
  sub: { op: ops.sub, oracle: (a, b) => a.sub(b) },
  mul: { op: ops.mul, oracle: (a, b) => a.mul(b), halves: IN_STEPS },
  div: { op: ops.div, oracle: (a, b) => a.div(b), range: [0.5, 3], halves: IN_STEPS },
};

const shapes: readonly (readonly number[])[] = [[1], [7], [3, 5, 11]];

const broadcasts: readonly (readonly [readonly number[], readonly number[]])[] = [
  [[1], [1]],
  [[37], [37]],
  [[5, 7], [7]],
  [[5, 1], [1, 7]],
  [[2, 3, 1, 5], [3, 4, 1]],
  [[], [4, 3]],
  [[600, 3], [1, 1]],
];

const input = (shape: readonly number[], range?: readonly [number, number]): Input =>
  range ? { shape, range } : { shape };

export const pointwiseCases: readonly Case[] = [
  ...withHalves([
    ...Object.entries(unary).flatMap(([name, { op, oracle, range }]) =>
      shapes.map((shape): Case => ({ name: `${name} [${shape}]`, inputs: [input(shape, range)], op, oracle }))
    ),
    ...Object.entries(binary).flatMap(([name, { op, oracle, range, ...more }]) =>
      broadcasts.map(([a, b]): Case => ({
        name: `${name} [${a}] [${b}]`,
        inputs: [input(a, range), input(b, range)],
        op,
        oracle,
        ...more,
      }))
    ),
    {
      name: "add of a tensor to itself",
      inputs: [{ shape: [9] }],
      op: (x) => ops.add(x, x),
      oracle: (x) => x.add(x),
    },
    {
      name: "mul used twice",
      inputs: [{ shape: [9] }, { shape: [9] }],
      op: (a, b) => ops.add(ops.mul(a, b), ops.add(a, b)),
      oracle: (a, b) => a.mul(b).add(a).add(b),
      halves: IN_STEPS,
    },
    {
      name: "add of a parameter",
      inputs: [{ shape: [3, 5, 8] }, { shape: [5, 8], single: true }],
      op: ops.add,
      oracle: (a, b) => a.add(b),
    },
    {
      name: "add of a parameter of the same shape",
      inputs: [{ shape: [3, 7] }, { shape: [3, 7], single: true }],
      op: ops.add,
      oracle: (a, b) => a.add(b),
    },
    ...[[8], [3], [3, 1, 1]].map((shape): Case => ({
      name: `mul by a parameter [${shape}]`,
      inputs: [{ shape: [3, 5, shape[0] === 8 ? 8 : 3] }, { shape, single: true }],
      op: ops.mul,
      oracle: (a, b) => a.mul(b),
      halves: IN_STEPS,
    })),
  ]),
  {
    name: "equal",
    inputs: [{ shape: [6], values: [1, 2, 3, 1, 2, 3] }, { shape: [6], values: [1, 2, 2, 0, 2, 3] }],
    op: ops.equal,
    oracle: (a, b) => a.zip(b, (x, y) => Number(x === y), () => 0, () => 0),
    forwardOnly: true,
  },
  {
    name: "less",
    inputs: [{ shape: [6], values: [1, 2, 3, -1, 2, -3] }, { shape: [6], values: [1, 3, 2, 0, 2.5, -4] }],
    op: ops.less,
    oracle: (a, b) => a.zip(b, (x, y) => Number(x < y), () => 0, () => 0),
    forwardOnly: true,
  },
  {
    // 4,200,000 elements: 65,625 workgroups broadcast, which exceeds the limit of one dimension.
    name: "add beyond 65,535 workgroups",
    inputs: [{ shape: [2100, 2000] }, { shape: [2000] }],
    op: ops.add,
    oracle: (a, b) => a.add(b),
    tolerance: { gradient: 1e-4, reason: "the gradient is a sum of 2,100" },
  },
  {
    name: "cast to f16 and back",
    inputs: [{ shape: [3, 37] }],
    op: (x) => cast(cast(x, "f16"), "f32"),
    oracle: (x) => x.affine(1),
    rounded: true,
  },
  {
    name: "expand of a parameter to f16",
    inputs: [{ shape: [1, 1, 12] }],
    op: (x) => cast(ops.expand(x, [5, 1, 12], "f16"), "f32"),
    oracle: (x) => x.add(Value.of([5, 1, 12], new Float64Array(60))),
    rounded: true,
  },
  {
    name: "expand of a parameter to f16, of the same shape",
    inputs: [{ shape: [1, 1, 12] }],
    op: (x) => cast(ops.expand(x, [1, 1, 12], "f16"), "f32"),
    oracle: (x) => x.affine(1),
    rounded: true,
  },
];
