import { unimodalContrast } from "../../../src/ops/contrast.ts";
import { crossEntropy } from "../../../src/ops/losses.ts";
import { Tensor } from "../../../src/tensor/tensor.ts";
import { Value } from "../oracle.ts";
import { type Case, generator } from "../table.ts";

const random = generator(5);
const below = (count: number) => Math.floor(random() * count);

function crossEntropyOf(logits: Value, labels: ArrayLike<number>): Value {
  const [rows, classes] = logits.shape as [number, number];
  const top = new Value([rows, 1], logits.max(-1).data);
  const shifted = logits.sub(top);
  const right = shifted.gather(
    [rows, 1],
    Array.from({ length: rows }, (_, row) => row * classes + labels[row]!),
  );
  return shifted.exp().sum(-1).log().sub(right).sum(0).affine(1 / rows).reshape([]);
}

const logits: readonly { shape: readonly [number, number]; range?: readonly [number, number] }[] = [
  { shape: [1, 1] },
  { shape: [1, 9] },
  { shape: [7, 1] },
  { shape: [32, 9] },
  { shape: [5, 12] },
  { shape: [3, 261] },
  { shape: [1300, 12] },
  { shape: [70000, 3] },
  { shape: [6, 9], range: [-80, 80] },
  { shape: [6, 12], range: [-80, 80] },
  { shape: [6, 9], range: [9990, 10010] },
  { shape: [6, 12], range: [-10010, -9990] },
];

const TEMPERATURE = 0.07;

/** Σ exp(s/τ) over the samples chosen, divided by exp(top/τ). */
function weightOf(similarity: Value, top: number, chosen: readonly boolean[]): Value {
  const indicator = Value.of(similarity.shape, chosen.map(Number));
  return similarity.affine(1 / TEMPERATURE, -top / TEMPERATURE).exp().mul(indicator).sum(0).reshape([]);
}

/** Equation 2 as it stands, but written log(1 + ΣN / ΣPS): in float64 too, a small ΣN / ΣB would be lost in 1 - it. */
function contrastOf(similarity: Value, kinds: readonly number[]): Value {
  const top = similarity.data.reduce((a, b) => Math.max(a, b));
  const attracted = weightOf(similarity, top, kinds.map((kind) => kind !== 3));
  const repelled = weightOf(similarity, top, kinds.map((kind) => kind === 3));
  if (attracted.data[0] === 0) return similarity.affine(0).sum(0).reshape([]);
  return repelled.div(attracted).map(Math.log1p, (ratio) => 1 / (1 + ratio));
}

interface Contrast {
  readonly name: string;
  readonly kinds: readonly number[];
  readonly range?: readonly [number, number];
  readonly values?: readonly number[];
}

const mixed = (rows: number) => Array.from({ length: rows }, () => below(4));

const contrasts: readonly Contrast[] = [
  { name: "of one sample, both right", kinds: [0] },
  { name: "of one sample, one right", kinds: [2] },
  { name: "of one sample, both wrong", kinds: [3] },
  { name: "of two", kinds: [1, 3] },
  { name: "of all right", kinds: [0, 0, 0, 0, 0] },
  { name: "of all semi-positive", kinds: [1, 2, 2, 1, 1, 1, 2, 1, 2] },
  { name: "of all wrong", kinds: new Array<number>(40).fill(3) },
  { name: "of 32", kinds: mixed(32) },
  { name: "of 301", kinds: mixed(301) },
  { name: "of 3000", kinds: mixed(3000) },
  { name: "with one wrong among 600", kinds: Array.from({ length: 600 }, (_, n) => n === 431 ? 3 : n % 3) },
  { name: "with one right among 600", kinds: Array.from({ length: 600 }, (_, n) => n === 7 ? 0 : 3) },
  // The negatives' share is e^-25: 1 - share is 1 in f32, and loss and gradient would come out as 0.
  { name: "with a tiny share of negatives", kinds: [0, 1, 3, 3], values: [0.9, 0.95, -0.8, -0.9] },
  { name: "with a tiny share of positives", kinds: [0, 1, 3, 3], values: [-0.9, -0.95, 0.8, 0.9] },
  { name: "of equal similarities", kinds: [0, 3, 1, 3, 2], values: [1, 1, 1, 1, 1] },
  { name: "far beyond what cosines reach", kinds: mixed(20), range: [100, 104] },
];

export const lossCases: readonly Case[] = [
  ...logits.map(({ shape, range }): Case => {
    const labels = Uint32Array.from({ length: shape[0] }, () => below(shape[1]));
    return {
      name: `crossEntropy [${shape}]${range ? ` in [${range}]` : ""}`,
      inputs: [range ? { shape, range } : { shape }],
      op: (x) => crossEntropy(x, Tensor.from(x.gpu, labels, [shape[0]])),
      oracle: (x) => crossEntropyOf(x, labels),
    };
  }),
  ...contrasts.map(({ name, kinds, range = [-1, 1], values }): Case => {
    const shape = [kinds.length];
    return {
      name: `unimodalContrast ${name}`,
      inputs: [values ? { shape, values } : { shape, range }],
      op: (s) => unimodalContrast(s, Tensor.from(s.gpu, Uint32Array.from(kinds), shape), TEMPERATURE),
      oracle: (s) => contrastOf(s, kinds),
    };
  }),
];
