/** The contrast of UniS-MMC on the device: types and counts, and what must be exact or finite at its edges. */
import assert from "node:assert/strict";
import { backward } from "../../src/ops/backward.ts";
import {
  countPairTypes,
  isPairType,
  labelPairs,
  PAIR_TYPES,
  type PairType,
  pairTypes,
  sameLabel,
  unimodalContrast,
} from "../../src/ops/contrast.ts";
import { cosineSimilarity } from "../../src/ops/normalize.ts";
import { countRight, isClass } from "../../src/ops/right.ts";
import { scope } from "../../src/tensor/scope.ts";
import { readTensors, Tensor } from "../../src/tensor/tensor.ts";
import { openTestGpu } from "../open_gpu.ts";
import { generator } from "./table.ts";

const gpu = await openTestGpu();

const words = (values: ArrayLike<number>) => Tensor.from(gpu, Uint32Array.from(values), [values.length]);
const floats = (values: ArrayLike<number>, requiresGrad = true) =>
  Tensor.from(gpu, Float32Array.from(values), [values.length], requiresGrad);

/** What the tensors a body returns hold; frees everything, and finds that nothing is left. */
async function run(body: () => readonly Tensor[]): Promise<number[][]> {
  const live = gpu.memory.live;
  const tensors = scope(body);
  const arrays = await readTensors(tensors);
  for (const tensor of tensors) tensor.dispose();
  assert.equal(gpu.memory.live, live, "bytes left behind");
  return arrays.map((array) => Array.from(array));
}

/** Loss and gradient, the gradient of the loss being `dy`. */
async function contrast(similarity: readonly number[], types: readonly number[], dy = 1) {
  const [loss, gradient] = await run(() => {
    const s = floats(similarity);
    const y = unimodalContrast(s, words(types), 0.07);
    backward(y, Tensor.from(gpu, Float32Array.of(dy), []));
    return [y, s.grad!];
  });
  return { loss: loss![0]!, gradient: gradient! };
}

Deno.test("pairTypes() numbers types as the paper's Table 1", async () => {
  const a = [1, 1, 0, 0, 1, 0xffffffff];
  const b = [1, 0, 1, 0, 0, 1];
  const [types, ...masks] = await run(() => {
    const types = pairTypes(words(a), words(b));
    return [types, ...Object.keys(PAIR_TYPES).map((type) => isPairType(types, type as PairType))];
  });
  assert.deepEqual(types, [0, 1, 2, 3, 1, 0]);
  assert.deepEqual(masks, [[1, 0, 0, 0, 0, 1], [0, 1, 0, 0, 1, 0], [0, 0, 1, 0, 0, 0], [0, 0, 0, 1, 0, 0]]);
});

for (const rows of [1, 7, 8, 257, 70000]) {
  Deno.test(`countPairTypes(), isClass() and countRight() count ${rows} rows`, async () => {
    const random = generator(rows);
    const draw = () => Uint32Array.from({ length: rows }, () => Math.floor(random() * 3));
    const [a, b, labels] = [draw(), draw(), draw()];
    const expected = [0, 0, 0, 0];
    for (let i = 0; i < rows; i++) expected[Number(a[i] !== labels[i]) * 2 + Number(b[i] !== labels[i])]!++;
    const [counts, same] = await run(() => {
      const onLabels = words(labels);
      const [rightA, rightB] = [isClass(words(a), onLabels), isClass(words(b), onLabels)];
      return [countPairTypes(pairTypes(rightA, rightB)), countRight(rightA)];
    });
    assert.deepEqual(counts, expected);
    assert.deepEqual(same, [expected[0]! + expected[1]!]);
  });
}

Deno.test("pairTypes() and isPairType() go beyond 65,535 workgroups", async () => {
  const rows = gpu.adapterClass === "software" ? 600_000 : 17_000_000;
  const right = new Uint32Array(rows);
  for (let i = 0; i < rows; i++) right[i] = i % 3;
  const [mask] = await run(
    () => [isPairType(pairTypes(words(new Uint32Array(rows)), words(right)), "onlyBRight")],
  );
  const wrong = mask!.findIndex((value, i) => value !== Number(i % 3 !== 0));
  assert.equal(wrong, -1, `row ${wrong}`);
});

for (const rows of [1, 5, 900]) { // 900: more than 65,535 workgroups of eight
  Deno.test(`sameLabel() compares ${rows} labels with each other`, async () => {
    const random = generator(rows);
    const labels = Uint32Array.from({ length: rows }, () => Math.floor(random() * 3));
    const [same] = await run(() => [sameLabel(words(labels))]);
    const wrong = same!.findIndex((value, i) =>
      value !== Number(labels[Math.floor(i / rows)] === labels[i % rows])
    );
    assert.deepEqual([same!.length, wrong], [rows * rows, -1]);
  });
}

Deno.test("labelPairs() looks up every two labels in a table, and refuses one that is not square", async () => {
  const classes = 5, rows = 300;
  const random = generator(1);
  const table = Float32Array.from({ length: classes ** 2 }, random);
  const labels = Uint32Array.from({ length: rows }, () => Math.floor(random() * classes));
  const [values] = await run(() => [labelPairs(Tensor.from(gpu, table, [classes, classes]), words(labels))]);
  const wrong = values!.findIndex((value, i) =>
    value !== table[labels[Math.floor(i / rows)]! * classes + labels[i % rows]!]
  );
  assert.deepEqual([values!.length, wrong], [rows ** 2, -1]);
  await run(() => {
    assert.throws(
      () => labelPairs(Tensor.from(gpu, table, [classes ** 2]), words(labels)),
      /\[classes, classes\]/,
    );
    return [];
  });
});

Deno.test("unimodalContrast() leaves parts of equation 2 out, and divides where asked", async () => {
  const similarity = [0.1, 0.2, 0.3, 0.15, -0.2], types = [0, 1, 2, 3, 0];
  const weight = (...rows: number[]) => rows.reduce((sum, n) => sum + Math.exp(similarity[n]! / 0.07), 0);
  const cases = [
    [{}, weight(0, 1, 2, 4) / weight(0, 1, 2, 3, 4)],
    [{ semiPositive: false }, weight(0, 4) / weight(0, 1, 2, 3, 4)],
    [{ negative: false }, 1],
    [{ semiPositive: false, negative: false }, weight(0, 4) / weight(0, 1, 2, 4)],
    [{ divided: true }, weight(0, 1, 2, 4) / weight(0, 1, 2, 3, 4) / 4],
    [{ divided: true, semiPositive: false }, weight(0, 4) / weight(0, 1, 2, 3, 4) / 2],
  ] as const;
  for (const [parts, fraction] of cases) {
    const [loss] = await run(() => [unimodalContrast(floats(similarity, false), words(types), 0.07, parts)]);
    const error = Math.abs(loss![0]! + Math.log(fraction));
    assert.ok(error <= 1e-5, `${JSON.stringify(parts)}: ${loss![0]}, not ${-Math.log(fraction)}`);
  }
  const [none] = await run(() => [
    unimodalContrast(floats([0.5, 0.1, 0], false), words([3, 3, 3]), 0.07, { divided: true }),
  ]);
  assert.ok(Math.abs(none![0]! - Math.log(3)) < 1e-6, `nothing attracted: ${none![0]}`);
});

for (
  const [name, types] of Object.entries({
    "nothing attracted": [3, 3, 3, 3],
    "nothing repelled": [0, 1, 2, 0],
    "one sample, right": [0],
    "one sample, half right": [1],
    "one sample, wrong": [3],
  })
) {
  Deno.test(`unimodalContrast() is exactly 0, gradient too, with ${name}`, async () => {
    const { loss, gradient } = await contrast([0.3, -0.9, 0.8, 0].slice(0, types.length), types, 3);
    assert.equal(loss, 0);
    assert.ok(gradient.every((g) => g === 0), `gradient ${gradient}`); // 0 or -0
  });
}

Deno.test("unimodalContrast() keeps the digits of a tiny loss", async () => {
  const { loss, gradient } = await contrast([1, -1], [0, 3]);
  const fraction = Math.exp(-2 / 0.07); // 4e-13, which one minus it in f32 does not see
  assert.ok(Math.abs(loss / fraction - 1) < 1e-4, `loss ${loss}, not ${fraction}`);
  assert.ok(Math.abs(gradient[0]! * -0.07 / fraction - 1) < 1e-4, `gradient ${gradient[0]}`);
  assert.ok(Math.abs(gradient[1]! * 0.07 / fraction - 1) < 1e-4, `gradient ${gradient[1]}`);
});

Deno.test("unimodalContrast() neither overflows nor divides by nought far out", async () => {
  const { loss, gradient } = await contrast([-1e4, 1e4, -1e4], [0, 3, 1]);
  assert.ok(Math.abs(loss / ((2e4 / 0.07) - Math.log(2)) - 1) < 1e-5, `loss ${loss}`);
  const expected = [-0.5 / 0.07, 1 / 0.07, -0.5 / 0.07];
  for (const [n, g] of gradient.entries()) {
    assert.ok(Math.abs(g / expected[n]! - 1) < 1e-5, `gradient ${gradient}`);
  }
});

Deno.test("unimodalContrast() attracts what is right anywhere and repels what is wrong twice", async () => {
  const { gradient } = await contrast([0.1, 0.2, 0.3, 0.15], [0, 1, 2, 3], 2);
  assert.deepEqual(gradient.map(Math.sign), [-1, -1, -1, 1]);
  assert.ok(
    Math.abs(gradient.reduce((a, b) => a + b)) < 1e-5 * gradient[3]!,
    "a common shift changes nothing",
  );
});

Deno.test("unimodalContrast() lets what is not a number through", async () => {
  for (const similarity of [[NaN, 0.5], [0.5, NaN], [NaN, NaN]]) {
    const { loss } = await contrast(similarity, [0, 3]);
    assert.ok(Number.isNaN(loss), `${similarity} gave ${loss}`);
  }
});

Deno.test("a representation of norm zero leaves the contrast and its gradients finite", async () => {
  const a = [0, 0, 0, 1, 2, 3, 1, 0, 1];
  const b = [3, 4, 0, 1, 2, 2, 0, 1, 1];
  const [loss, da, db] = await run(() => {
    const [ta, tb] = [a, b].map((rows) => Tensor.from(gpu, Float32Array.from(rows), [3, 3], true));
    const y = unimodalContrast(cosineSimilarity(ta!, tb!), words([3, 0, 2]), 0.07);
    backward(y);
    return [y, ta!.grad!, tb!.grad!];
  });
  const cosines = [0, 11 / Math.sqrt(14) / 3, 0.5];
  const weights = cosines.map((cosine) => Math.exp(cosine / 0.07));
  const fraction = weights[0]! / (weights[0]! + weights[1]! + weights[2]!);
  assert.ok(Math.abs(loss![0]! / -Math.log1p(-fraction) - 1) < 1e-4, `loss ${loss}`);
  assert.ok([...da!, ...db!].every(Number.isFinite), `gradients ${da}; ${db}`);
  // d cos / da at a = 0 is b / (|b| 1e-8), as PyTorch 1.13 has it; that of b is 0.
  assert.ok(Math.abs(da![0]! / (fraction / 0.07 * 0.6e8) - 1) < 1e-4, `gradient ${da![0]}`);
  assert.ok(Math.abs(da![1]! / (fraction / 0.07 * 0.8e8) - 1) < 1e-4, `gradient ${da![1]}`);
  assert.deepEqual(db!.slice(0, 3).map(Math.abs), [0, 0, 0]);
});

Deno.test("the contrast ops refuse what does not fit", () => {
  scope(() => {
    const s = floats([1, 2]);
    const types = words([0, 3]);
    assert.throws(() => unimodalContrast(s, words([0]), 0.07), /Cannot unimodalContrast of \[2\], \[1\]/);
    assert.throws(() => unimodalContrast(s, s, 0.07), /it takes u32/);
    assert.throws(() => unimodalContrast(s, types, 0), /temperature of 0/);
    assert.throws(() => unimodalContrast(s, types, NaN), /temperature of NaN/);
    assert.throws(() => pairTypes(types, words([1])), /Cannot pairTypes of \[2\], \[1\]/);
    assert.throws(() => isClass(types, s), /it takes u32/);
    assert.throws(() => countRight(s), /it takes u32/);
    assert.throws(() => countPairTypes(Tensor.empty(gpu, [0], "u32")), /no rows/);
  });
});
