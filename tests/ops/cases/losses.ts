import { binaryCrossEntropy } from "../../../src/ops/binary_losses.ts";
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

interface Weighting {
  readonly classWeights?: readonly number[];
  readonly rowWeights?: readonly number[];
  readonly labelSmoothing?: number;
  readonly focalGamma?: number;
}

/** The formula of `crossEntropy` with options, class by class. */
function weightedCrossEntropyOf(x: Value, labels: ArrayLike<number>, weighting: Weighting): Value {
  const [rows, classes] = x.shape as [number, number];
  const { labelSmoothing: e = 0, focalGamma: gamma = 0 } = weighting;
  const { classWeights = Array(classes).fill(1), rowWeights = Array(rows).fill(1) } = weighting;
  const shifted = x.sub(new Value([rows, 1], x.max(-1).data));
  const surprise = shifted.exp().sum(-1).log().reshape([rows, 1]).sub(shifted); // -log p
  const perRow = Array.from({ length: rows }, (_, row) => row);
  const table = (columns: number, at: (row: number, column: number) => number) =>
    new Value(
      [rows, columns],
      Float64Array.from({ length: rows * columns }, (_, i) => at(Math.floor(i / columns), i % columns)),
    );
  const right = surprise.gather([rows, 1], perRow.map((row) => row * classes + labels[row]!));
  let loss = right.mul(table(1, (row) => (1 - e) * classWeights[labels[row]!]!));
  // What has no share in the loss is left out: 0 of infinity would be no number.
  if (e > 0) {
    const spread = surprise.mul(table(classes, (_, c) => e / classes * classWeights[c]!));
    loss = loss.add(spread.sum(-1).reshape([rows, 1]));
  }
  if (gamma > 0) {
    const doubt = (s: number) => Math.abs(1 - Math.exp(-s));
    const slope = (s: number) => gamma * doubt(s) ** (gamma - 1) * Math.exp(-s);
    loss = loss.mul(right.map((s) => doubt(s) ** gamma, slope));
  }
  return loss.mul(table(1, (row) => rowWeights[row]!)).sum(0).affine(1 / rows).reshape([]);
}

/** The formula of `binaryCrossEntropy` with options, element by element. */
function binaryCrossEntropyOf(x: Value, targets: ArrayLike<number>, weighting: Weighting): Value {
  const [rows, labels] = x.shape as [number, number];
  const { labelSmoothing: e = 0, focalGamma: gamma = 0, classWeights, rowWeights } = weighting;
  const softplus = (x: number) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
  const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
  const at = (x: number, i: number) => {
    const t = (1 - e) * targets[i]! + e / 2;
    const w = classWeights?.[i % labels] ?? 1, u = rowWeights?.[Math.floor(i / labels)] ?? 1;
    const [p, doubt] = [sigmoid(x), sigmoid(-x)];
    const q = p * (1 - t) + doubt * t;
    return { t, w, u, p, doubt, q, sum: w * t * softplus(-x) + (1 - t) * softplus(x) };
  };
  const value = (x: number, i: number) => {
    const { u, q, sum } = at(x, i);
    return gamma > 0 ? u * q ** gamma * sum : u * sum;
  };
  const slope = (x: number, _: number, i: number) => {
    const { t, w, u, p, doubt, q, sum } = at(x, i);
    const own = (1 - t) * p - w * t * doubt;
    if (gamma === 0) return u * own;
    return u * (q ** gamma * own + gamma * q ** (gamma - 1) * (1 - 2 * t) * p * doubt * sum);
  };
  return x.map(value, slope).sum(-1).sum(0).affine(1 / (rows * labels)).reshape([]);
}

const drawn = (count: number) => Array.from({ length: count }, () => 0.2 + 2 * random());

const weighted: readonly ({ name: string; range?: readonly [number, number] } & Weighting)[] = [
  { name: "of weighted classes", classWeights: drawn(9) },
  { name: "of weighted rows", rowWeights: drawn(6) },
  { name: "smoothed", labelSmoothing: 0.1 },
  { name: "with all of the target spread", labelSmoothing: 1 },
  { name: "focal", focalGamma: 2 },
  { name: "focal, of a gamma below 1", focalGamma: 0.5 },
  {
    name: "with all at once",
    classWeights: drawn(9),
    rowWeights: drawn(6),
    labelSmoothing: 0.2,
    focalGamma: 1.5,
  },
  {
    name: "with all at once, far out",
    classWeights: drawn(9),
    labelSmoothing: 0.1,
    focalGamma: 2,
    range: [-80, 80],
  },
];

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

const vector = (x: Tensor, values?: readonly number[]) =>
  values && Tensor.from(x.gpu, Float32Array.from(values), [values.length]);

interface BinaryCase extends Weighting {
  readonly name: string;
  readonly shape: readonly [number, number];
  readonly range?: readonly [number, number];
  /** Targets between 0 and 1. */
  readonly isSoft?: boolean;
}

const binary: readonly BinaryCase[] = [
  { name: "of one", shape: [1, 1] },
  { name: "plain", shape: [32, 9] },
  { name: "of soft targets", shape: [5, 7], isSoft: true },
  { name: "of many rows", shape: [70000, 3] },
  { name: "of many labels", shape: [3, 3000] },
  { name: "far out", shape: [6, 9], range: [-80, 80] },
  { name: "of weighted labels", shape: [6, 5], classWeights: drawn(5) },
  { name: "of weighted rows", shape: [6, 5], rowWeights: drawn(6) },
  { name: "smoothed", shape: [6, 5], labelSmoothing: 0.1 },
  { name: "with all of the target spread", shape: [6, 5], labelSmoothing: 1 },
  { name: "focal", shape: [6, 5], focalGamma: 2 },
  { name: "focal, of a gamma below 1", shape: [6, 5], focalGamma: 0.5 },
  {
    name: "with all at once, far out",
    shape: [6, 5],
    classWeights: drawn(5),
    rowWeights: drawn(6),
    labelSmoothing: 0.1,
    focalGamma: 1.5,
    range: [-60, 60],
  },
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
  ...weighted.flatMap(({ name, range, ...weighting }) =>
    // Rows in packs of four, and of one, and rows of many lanes.
    [9, 12, 261].map((classes): Case => {
      const labels = Uint32Array.from({ length: 6 }, () => below(classes));
      const own = weighting.classWeights && { classWeights: drawn(classes) };
      const given = { ...weighting, ...own };
      return {
        name: `crossEntropy ${name} [6, ${classes}]`,
        inputs: [{ shape: [6, classes], ...(range && { range }) }],
        op: (x) =>
          crossEntropy(x, Tensor.from(x.gpu, labels, [6]), {
            ...given,
            classWeights: vector(x, given.classWeights),
            rowWeights: vector(x, given.rowWeights),
          }),
        oracle: (x) => weightedCrossEntropyOf(x, labels, given),
      };
    })
  ),
  ...binary.map(({ name, shape, range, isSoft = false, ...given }): Case => {
    const [rows, labels] = shape;
    const targets = Float32Array.from(
      { length: rows * labels },
      () => isSoft ? random() : Number(random() < 0.4),
    );
    return {
      name: `binaryCrossEntropy ${name} [${shape}]`,
      inputs: [{ shape, ...(range && { range }) }],
      op: (x) =>
        binaryCrossEntropy(x, Tensor.from(x.gpu, targets, shape), {
          ...given,
          classWeights: vector(x, given.classWeights),
          rowWeights: vector(x, given.rowWeights),
        }),
      oracle: (x) => binaryCrossEntropyOf(x, targets, given),
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
