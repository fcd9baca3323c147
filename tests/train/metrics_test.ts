import assert from "node:assert/strict";
import {
  accuracy,
  argmaxRows,
  macroF1,
  meanCrossEntropy,
  pairSharesOf,
  softmaxRows,
} from "../../src/train/metrics.ts";

const near = (actual: number, expected: number) =>
  assert.ok(Math.abs(actual - expected) < 1e-12, `${actual}, ${expected} expected`);

Deno.test("accuracy() and macroF1() follow scikit-learn's definitions", () => {
  // Labels, predictions, accuracy, macro F1; the first is the example in scikit-learn's manual.
  const cases: [number[], number[], number, number][] = [
    [[0, 1, 2, 0, 1, 2], [0, 2, 1, 0, 0, 1], 1 / 3, 0.8 / 3],
    [[0, 0, 1, 1], [0, 0, 1, 1], 1, 1],
    [[0, 0, 1, 1], [1, 1, 0, 0], 0, 0],
    // Class 5 is predicted but never true: it counts, with F1 0. Classes 1 to 4 do not occur and do not count.
    [[0, 0, 0], [0, 0, 5], 2 / 3, (0.8 + 0) / 2],
    // Class 2 is true but never predicted.
    [[0, 1, 2], [0, 1, 1], 2 / 3, (1 + 2 / 3 + 0) / 3],
    [[3], [3], 1, 1],
    [[], [], 0, 0],
  ];
  for (const [labels, predicted, right, f1] of cases) {
    near(accuracy(Uint32Array.from(labels), Uint32Array.from(predicted)), right);
    near(macroF1(Uint32Array.from(labels), Uint32Array.from(predicted)), f1);
  }
});

Deno.test("pairSharesOf() counts both right, one right, none right", () => {
  const labels = Uint32Array.of(0, 1, 2, 0, 1);
  const shares = pairSharesOf(labels, Uint32Array.of(0, 1, 0, 1, 2), Uint32Array.of(0, 0, 2, 1, 0));
  assert.deepEqual(shares, { positive: 1 / 5, semi_positive: 2 / 5, negative: 2 / 5 });
});

Deno.test("argmaxRows() takes the first of equals, softmaxRows() survives large logits", () => {
  const logits = Float32Array.of(1, 3, 3, -5, -6, -7, 1e4, 0, 1e4);
  assert.deepEqual([...argmaxRows(logits, 3)], [1, 0, 0]);
  const p = softmaxRows(logits, 3);
  for (let row = 0; row < 3; row++) near(p[3 * row]! + p[3 * row + 1]! + p[3 * row + 2]!, 1);
  near(p[0]!, Math.exp(-2) / (2 + Math.exp(-2)));
  assert.deepEqual([...p.subarray(6)], [0.5, 0, 0.5]);
});

Deno.test("meanCrossEntropy() is the mean of -log p, finite where p has underflowed", () => {
  const p = Float64Array.of(0.5, 0.5, 0.25, 0.75);
  near(meanCrossEntropy(Uint32Array.of(0, 1), p, 2), -(Math.log(0.5) + Math.log(0.75)) / 2);
  const loss = meanCrossEntropy(Uint32Array.of(0), Float64Array.of(0, 1), 2);
  assert.ok(loss > 700 && loss < Infinity);
});
