/** Row ops where a finite difference cannot judge: rows of nought, masked rows, and what they refuse. */
import assert from "node:assert/strict";
import { backward } from "../../src/ops/backward.ts";
import { cast } from "../../src/ops/cast.ts";
import { layerNorm } from "../../src/ops/layer_norm.ts";
import { crossEntropy } from "../../src/ops/losses.ts";
import { cosineSimilarity, l2Normalize } from "../../src/ops/normalize.ts";
import { maskedSoftmax, softmax } from "../../src/ops/softmax.ts";
import { scope } from "../../src/tensor/scope.ts";
import type { Shape } from "../../src/tensor/shape.ts";
import { readTensors, Tensor } from "../../src/tensor/tensor.ts";
import { openTestGpu } from "../open_gpu.ts";

const gpu = await openTestGpu();

const floats = (values: readonly number[], shape: Shape) =>
  Tensor.from(gpu, Float32Array.from(values), shape, true);
const words = (values: readonly number[], shape: Shape) => Tensor.from(gpu, Uint32Array.from(values), shape);

/** An op's output and gradients, for a gradient of ones. */
async function run(inputs: readonly Tensor[], op: (...inputs: Tensor[]) => Tensor): Promise<number[][]> {
  const tensors = scope(() => {
    const y = op(...inputs);
    backward(y);
    return [y, ...inputs.map((input) => input.grad!)];
  });
  const arrays = await readTensors(tensors);
  for (const tensor of [...tensors, ...inputs]) tensor.dispose();
  return arrays.map((array) => Array.from(array));
}

/** Relative to each value; NaN is near nothing. */
function assertNear(actual: readonly number[], expected: readonly number[]): void {
  assert.equal(actual.length, expected.length);
  const near = actual.every((value, i) => Math.abs(value - expected[i]!) <= 1e-5 * Math.abs(expected[i]!));
  assert.ok(near, `${actual} is not ${expected}`);
}

Deno.test("l2Normalize() of a zero row is zero, its gradient dy / epsilon", async () => {
  const [y, dx] = await run([floats([0, 0, 0], [1, 3])], (x) => l2Normalize(x));
  assertNear(y!, [0, 0, 0]);
  assertNear(dx!, [1e12, 1e12, 1e12]);
});

Deno.test("cosineSimilarity() of zero rows agrees with PyTorch 1.13", async () => {
  const a = floats([0, 0, 0, 1, 2, 3, 0, 0, 0], [3, 3]);
  const b = floats([3, 4, 0, 0, 0, 0, 0, 0, 0], [3, 3]);
  const [y, da, db] = await run([a, b], cosineSimilarity);
  assertNear(y!, [0, 0, 0]);
  assertNear(da!, [0.6e8, 0.8e8, 0, 0, 0, 0, 0, 0, 0]);
  const norm = 1e-8 * Math.sqrt(14);
  assertNear(db!, [0, 0, 0, 1 / norm, 2 / norm, 3 / norm, 0, 0, 0]);
});

Deno.test("maskedSoftmax() is exactly 0 where masked, forward and backward", async () => {
  const x = floats([5, 1000, 2, 1, -1000, 3, 1, 2, 3], [3, 3]);
  const mask = words([1, 0, 1, 0, 1, 0, 0, 0, 0], [3, 3]);
  const [y, dx] = await run([x], (x) => maskedSoftmax(x, mask));
  const first = 1 / (1 + Math.exp(-3));
  assertNear(y!, [first, 0, 1 / (1 + Math.exp(3)), 0, 1, 0, 0, 0, 0]);
  assert.ok([1, 3, 5, 6, 7, 8].every((i) => dx![i] === 0), `gradient ${dx}`);
  mask.dispose();
});

Deno.test("softmax() and crossEntropy() let what is not a number through", async () => {
  const [y] = await run([floats([1, NaN, 2], [1, 3])], softmax);
  assert.ok(y!.every(Number.isNaN), `softmax gave ${y}`);
  const labels = words([0], [1]);
  const [loss] = await run([floats([1, NaN, 2], [1, 3])], (x) => crossEntropy(x, labels));
  assert.ok(Number.isNaN(loss![0]), `crossEntropy gave ${loss}`);
  labels.dispose();
});

Deno.test("crossEntropy() takes a label beyond the classes as the last class", async () => {
  const labels = words([7, 3], [2]);
  const [loss, dx] = await run([floats([0, 0, 0, 0, 0, 0], [2, 3])], (x) => crossEntropy(x, labels));
  assertNear(loss!, [Math.log(3)]);
  assertNear(dx!, [1 / 6, 1 / 6, -1 / 3, 1 / 6, 1 / 6, -1 / 3]);
  labels.dispose();
});

Deno.test("a wide row of 50,265 logits fits one workgroup", async () => {
  const classes = 50265;
  const labels = words([classes - 1], [1]);
  const values = Array.from({ length: classes }, (_, i) => i % 7);
  const total = values.reduce((sum, value) => sum + Math.exp(value), 0);
  const [loss, dx] = await run([floats(values, [1, classes])], (x) => crossEntropy(x, labels));
  assertNear(loss!, [Math.log(total) - values[classes - 1]!]);
  const error = dx!.findIndex((g, i) =>
    !(Math.abs(g - (Math.exp(values[i]!) / total - Number(i === classes - 1))) <= 1e-7)
  );
  assert.equal(error, -1, `gradient ${error}`);
  labels.dispose();
});

Deno.test("the row ops refuse what does not fit", () => {
  scope(() => {
    const x = floats([1, 2, 3, 4, 5, 6], [2, 3]);
    const narrow = floats([1, 2], [2]);
    assert.throws(() => softmax(floats([1], [])), /no last axis/);
    assert.throws(() => softmax(Tensor.empty(gpu, [2, 0])), /Cannot softmax \[2, 0\]/);
    assert.throws(() => softmax(words([1], [1])), /it takes f32/);
    assert.throws(() => maskedSoftmax(x, words([1, 1], [2])), /Cannot mask \[2, 3\] by \[2\]/);
    assert.throws(() => maskedSoftmax(x, words([1, 1, 1], [1, 3])), /Cannot mask \[2, 3\] by \[1, 3\]/);
    assert.throws(() => maskedSoftmax(x, cast(floats([1, 1, 1], [3]), "f16")), /\[2, 3\] by f16 \[3\]/);
    assert.throws(() => layerNorm(x, narrow, narrow, 1e-5), /gamma and beta are \[3\]/);
    assert.throws(() => cosineSimilarity(x, narrow), /shapes differ/);
    assert.throws(() => crossEntropy(x, words([1], [1])), /\[rows, classes\] and \[rows\]/);
    assert.throws(() => crossEntropy(x, narrow), /it takes u32/);
  });
});
