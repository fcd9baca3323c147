/** Measures of labels and of numbers: worked examples, what scikit-learn says of them, and the edges. */
import assert from "node:assert/strict";
import type { Answers, AnswerSettings } from "../../src/metrics/answers.ts";
import { METRIC_NAMES, metricsOf } from "../../src/metrics/chosen_metric.ts";
import { labelScores, multiLabel } from "../../src/metrics/tasks/multi_label.ts";
import { regression } from "../../src/metrics/tasks/regression.ts";
import { TASKS } from "../../src/data/targets.ts";
import fixture from "../fixtures/task_metrics.json" with { type: "json" };

const SETTINGS: AnswerSettings = { threshold: 0.5, overlap: 1, tolerance: 1, scale: { mean: 0, std: 1 } };

/** Four samples of three labels, the last without any; of the third label no sample is given one. */
const LABELS = Uint32Array.of(1, 0, 1, /**/ 1, 1, 0, /**/ 0, 1, 0, /**/ 0, 0, 0);
const P = Float64Array.of(0.9, 0.6, 0.2, /**/ 0.7, 0.8, 0.1, /**/ 0.6, 0.4, 0.3, /**/ 0.1, 0.2, 0.3);

function answersOf(settings = SETTINGS): Answers {
  const logits = Float32Array.from(P, (p) => Math.log(p / (1 - p)));
  const { predicted, probabilities } = multiLabel.answer(logits, 3, settings);
  return {
    labels: LABELS,
    classes: 3,
    predicted,
    probabilities,
    right: multiLabel.right(LABELS, predicted, 3, settings),
  };
}

const near = (actual: number | undefined, expected: number, what: string) =>
  assert.ok(Math.abs(actual! - expected) < 1e-6, `${what} is ${actual}, not ${expected}`);

Deno.test("measures of labels are those of scikit-learn", () => {
  const measures = multiLabel.measure(answersOf());
  // sklearn 1.3: accuracy_score, 1 - hamming_loss, f1_score (micro, macro, samples with zero_division=1), roc_auc_score (macro),
  // average_precision_score (macro), log_loss by columns averaged.
  const logLoss = LABELS.reduce((sum, label, i) => sum - Math.log(label === 1 ? P[i]! : 1 - P[i]!), 0) / 12;
  const expected = {
    accuracy: 2 / 4,
    label_accuracy: 8 / 12,
    micro_f1: 6 / 10,
    macro_f1: (4 / 5 + 2 / 4 + 0) / 3,
    samples_f1: (2 / 4 + 1 + 0 + 1) / 4,
    auc: (1 + 0.75 + 1 / 3) / 3,
    average_precision: (1 + (1 + 2 / 3) / 2 + 1 / 3) / 3,
    loss: logLoss,
  };
  for (const [name, value] of Object.entries(expected)) near(measures[name], value, name);
  assert.deepEqual(labelScores(answersOf()).map(({ support, predicted }) => [support, predicted]), [[2, 3], [
    2,
    2,
  ], [1, 0]]);
});

Deno.test("measures of random labels and numbers are those of scikit-learn (scripts/fixtures/task_metrics.py)", () => {
  for (const { classes, expected, overlapping, ...one } of fixture.multi_label) {
    const labels = Uint32Array.from(one.labels), given = Float64Array.from(one.probabilities);
    const logits = Float32Array.from(given, (p) => Math.log(p / (1 - p)));
    const { predicted } = multiLabel.answer(logits, classes, SETTINGS);
    const right = multiLabel.right(labels, predicted, classes, SETTINGS);
    const measures = multiLabel.measure({ labels, classes, predicted, probabilities: given, right });
    for (const [name, value] of Object.entries(expected)) near(measures[name], value, name);
    const overlap = multiLabel.right(labels, predicted, classes, { ...SETTINGS, overlap: 0.5 });
    near(overlap.reduce((sum, is) => sum + is, 0) / overlap.length, overlapping, "share that overlaps");
  }
  for (const { expected, ...one } of fixture.regression) {
    const labels = Float64Array.from(one.labels), predicted = Float64Array.from(one.predicted);
    const right = regression.right(labels, predicted, 1, { ...SETTINGS, tolerance: 5 });
    const measures = regression.measure({ labels, classes: 1, predicted, probabilities: predicted, right });
    for (const [name, value] of Object.entries(expected)) near(measures[name], value, name);
  }
});

Deno.test("labels are given from the threshold on, and sets are right by their overlap", () => {
  const right = (settings: Partial<AnswerSettings>) => [...answersOf({ ...SETTINGS, ...settings }).right!];
  assert.deepEqual(right({}), [0, 1, 0, 1]);
  assert.deepEqual(right({ overlap: 1 / 3 }), [1, 1, 0, 1]);
  assert.deepEqual(right({ threshold: 0.39 }), [0, 1, 0, 1]);
  assert.deepEqual(right({ threshold: 0.39, overlap: 0.5 }), [0, 1, 1, 1]);
});

Deno.test("labels that all or no samples have leave measures that compare undefined, and no NaN", () => {
  const none = {
    labels: new Uint32Array(4),
    classes: 2,
    predicted: new Uint32Array(4),
    probabilities: new Float64Array(4),
  };
  const { average_precision, auc, ...others } = multiLabel.measure({ ...none, right: Uint8Array.of(1, 1) });
  assert.deepEqual([average_precision, auc], [undefined, undefined]);
  assert.deepEqual(others, {
    accuracy: 1,
    label_accuracy: 1,
    micro_f1: 0,
    macro_f1: 0,
    samples_f1: 1,
    loss: 0,
  });
  // A probability that is 1 in float64 has a finite loss all the same.
  near(
    multiLabel.measure({ ...none, probabilities: Float64Array.of(1, 0, 0, 0) }).loss,
    Math.log(2) * 53 / 4,
    "loss",
  );
});

Deno.test("measures of numbers, in their units", () => {
  const scale = { mean: 10, std: 2 };
  const { predicted, probabilities } = regression.answer(Float32Array.of(-0.5, 0, 1, 2), 1, {
    ...SETTINGS,
    scale,
  });
  assert.deepEqual([...predicted], [9, 10, 12, 14]);
  const labels = Float64Array.of(8, 10, 13, 17);
  const right = regression.right(labels, predicted, 1, SETTINGS);
  assert.deepEqual([...right], [1, 1, 1, 0]);
  const measures = regression.measure({ labels, classes: 1, predicted, probabilities, right, scale });
  const expected = {
    accuracy: 0.75,
    mae: 5 / 4,
    rmse: Math.sqrt(11 / 4),
    r2: 1 - 11 / 46,
    pearson: 26 / Math.sqrt(46 * 14.75),
    loss: 11 / 4 / 4,
  };
  for (const [name, value] of Object.entries(expected)) near(measures[name], value, name);
  const same = {
    labels: Float64Array.of(1, 1),
    classes: 1,
    predicted: Float64Array.of(1, 2),
    probabilities: Float64Array.of(1, 2),
  };
  const { r2, pearson } = regression.measure({ ...same, right: Uint8Array.of(1, 0) });
  assert.deepEqual([r2, pearson], [undefined, undefined]);
});

Deno.test("every metric is of some task, and every metric of a task has a name", () => {
  assert.deepEqual([...new Set(TASKS.flatMap(metricsOf))].sort(), [...METRIC_NAMES].sort());
});
