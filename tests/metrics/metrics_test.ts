import assert from "node:assert/strict";
import { auc, averagePrecision } from "../../src/metrics/ranking.ts";
import {
  accuracy,
  argmaxRows,
  balancedAccuracy,
  classScores,
  confusionMatrix,
  macroF1,
  meanCrossEntropy,
  pairSharesOf,
  softmaxRows,
  topAccuracy,
  weightedF1,
} from "../../src/metrics/metrics.ts";

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
    near(macroF1(classScores(Uint32Array.from(labels), Uint32Array.from(predicted), 6)), f1);
  }
});

Deno.test("every measure equals scikit-learn's", () => {
  const file = new URL("../fixtures/metrics.json", import.meta.url);
  for (const { classes, labels, probabilities, expected } of JSON.parse(Deno.readTextFileSync(file))) {
    const truth = Uint32Array.from(labels), scores = Float64Array.from(probabilities);
    const predicted = argmaxRows(scores, classes);
    const byClass = classScores(truth, predicted, classes);
    near(accuracy(truth, predicted), expected.accuracy);
    near(macroF1(byClass), expected.macro_f1);
    near(weightedF1(byClass), expected.weighted_f1);
    near(meanCrossEntropy(truth, scores, classes), expected.loss);
    for (const [k, { f1, precision, recall }] of byClass.entries()) {
      near(f1, expected.f1[k]);
      near(precision, expected.precision[k]);
      near(recall, expected.recall[k]);
    }
    assert.deepEqual([...confusionMatrix(truth, predicted, classes)], expected.confusion);
    if (classes > 2) near(topAccuracy(truth, scores, classes, 2), expected.top_2);
    if (classes > 5) near(topAccuracy(truth, scores, classes, 5), expected.top_5);
    near(balancedAccuracy(classScores(truth, predicted, classes)), expected.balanced_accuracy);
    near(auc(truth, scores, classes)!, expected.auc);
    near(averagePrecision(truth, scores, classes)!, expected.average_precision);
  }
});

Deno.test("topAccuracy() of one class is accuracy(), of all classes 1, ties as in argmaxRows()", () => {
  const labels = Uint32Array.of(0, 1, 2, 1), scores = Float64Array.of(1, 1, 0, 2, 1, 2, 0, 0, 0, 0, 3, 1);
  assert.equal(topAccuracy(labels, scores, 3, 1), accuracy(labels, argmaxRows(scores, 3)));
  assert.deepEqual([1, 2, 3].map((k) => topAccuracy(labels, scores, 3, k)), [0.5, 0.5, 1]);
  assert.equal(topAccuracy(new Uint32Array(), new Float64Array(), 3, 2), 0);
});

Deno.test("of a model that diverged, no label is among the likeliest, and no class before the other", () => {
  const labels = Uint32Array.of(0, 1, 1);
  assert.equal(topAccuracy(labels, new Float64Array(9).fill(NaN), 3, 2), 0);
  const none = new Float64Array(6).fill(NaN);
  assert.equal(auc(labels, none, 2), 0.5);
  near(averagePrecision(labels, none, 2)!, 2 / 3);
});

Deno.test("auc() counts ties as halves and needs both classes", () => {
  const twoClasses = (p: number[]) => Float64Array.from(p.flatMap((one) => [1 - one, one]));
  const cases: [number[], number[], number | undefined][] = [
    [[0, 1], [0.2, 0.7], 1],
    [[0, 1], [0.7, 0.2], 0],
    [[0, 1, 0, 1], [0.5, 0.5, 0.5, 0.5], 0.5],
    [[0, 0, 1, 1], [0.1, 0.5, 0.5, 0.9], 3.5 / 4],
    [[1, 1], [0.1, 0.5], undefined],
    [[], [], undefined],
  ];
  for (const [labels, p, expected] of cases) {
    assert.equal(auc(Uint32Array.from(labels), twoClasses(p), 2), expected);
  }
});

Deno.test("pairSharesOf() counts both right, one right, none right", () => {
  const shares = pairSharesOf(Uint8Array.of(1, 1, 0, 0, 0), Uint8Array.of(1, 0, 1, 0, 0));
  assert.deepEqual(shares, { positive: 1 / 5, semi_positive: 2 / 5, negative: 2 / 5 });
});

Deno.test("argmaxRows() takes the first of equals, softmaxRows() survives large logits", () => {
  const logits = Float32Array.of(1, 3, 3, -5, -6, -7, 1e4, 0, 1e4);
  assert.deepEqual([...argmaxRows(logits, 3)], [1, 0, 0]);
  assert.deepEqual([...argmaxRows(Float32Array.of(1, NaN, NaN, NaN, Infinity, 1), 3)], [1, 0]);
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
