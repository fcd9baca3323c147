// Temperatures as PyTorch fits them, calibration errors as published code has them, and what cannot be calibrated.
import assert from "node:assert/strict";
import { Random } from "../../src/base/random.ts";
import {
  calibrationByHead,
  calibrationMeasures,
  fitTemperature,
  fitTemperatures,
  LEAST_SAMPLES,
  reliability,
  withTemperature,
} from "../../src/metrics/calibration.ts";
import { argmaxRows, meanCrossEntropy, softmaxRows } from "../../src/metrics/metrics.ts";
import { TASK_MEASURES } from "../../src/metrics/tasks/registry.ts";

interface Case {
  readonly classes: number;
  readonly labels: readonly number[];
  readonly logits: readonly number[];
  readonly temperature: number;
  readonly raw: Readonly<Record<"ece" | "brier" | "loss", number>>;
  readonly calibrated: Case["raw"];
}

const FIXTURE = new URL("../fixtures/calibration.json", import.meta.url);
interface LabelCase extends Pick<Case, "labels" | "logits" | "temperature"> {
  readonly raw: number;
  readonly calibrated: number;
  readonly probabilities: readonly number[];
}

const fixture = JSON.parse(Deno.readTextFileSync(FIXTURE)) as { classes: Case[]; labels: LabelCase[] };
const cases = fixture.classes.map((one) => ({
  ...one,
  labels: Uint32Array.from(one.labels),
  probabilities: softmaxRows(Float32Array.from(one.logits), one.classes),
}));

/** What one head says. */
const said = (head: string, labels: Uint32Array, probabilities: Float64Array, classes: number) =>
  new Map([[head, { labels, probabilities, classes, predicted: argmaxRows(probabilities, classes) }]]);

const near = (actual: number, expected: number, bound: number) =>
  assert.ok(Math.abs(actual - expected) < bound, `${actual}, ${expected} expected`);

Deno.test("temperatures and measures are those of PyTorch", () => {
  for (const { classes, labels, probabilities, temperature, raw, calibrated } of cases) {
    const fitted = fitTemperature(labels, probabilities, classes)!;
    near(fitted / temperature, 1, 1e-6);
    const { head } = calibrationByHead(said("head", labels, probabilities, classes), { head: fitted });
    for (const measure of ["ece", "brier", "loss"] as const) {
      near(head!.raw[measure], raw[measure], 1e-6);
      near(head!.calibrated![measure], calibrated[measure], 1e-6);
    }
  }
});

Deno.test("temperatures of labels are those of PyTorch, each label being an answer of its own", () => {
  for (const { labels, logits, temperature, raw, calibrated, probabilities } of fixture.labels) {
    const { answer, calibration } = TASK_MEASURES.multi_label;
    const scale = { mean: 0, std: 1 };
    const settings = { threshold: 0.5, overlap: 1, tolerance: 0, scale };
    const answers = {
      labels: Uint32Array.from(labels),
      classes: 1,
      ...answer(Float32Array.from(logits), 1, settings),
    };
    const own = calibration!.classAnswers(answers);
    const fitted = fitTemperature(own.labels, own.probabilities, own.classes)!;
    near(fitted / temperature, 1, 1e-6);
    const { head } = calibrationByHead(new Map([["head", own]]), { head: fitted });
    near(head!.raw.loss, raw, 1e-6);
    near(head!.calibrated!.loss, calibrated, 1e-6);
    calibration!.withTemperature(answers.probabilities, 1, fitted)
      .forEach((p, i) => near(p, probabilities[i]!, 1e-6));
    assert.equal(calibration!.withTemperature(answers.probabilities, 1, 1), answers.probabilities);
  }
  assert.equal(TASK_MEASURES.regression.calibration, undefined);
});

Deno.test("a temperature divides logits, changes no answer, and is the best there is", () => {
  for (const { classes, labels, logits, probabilities } of cases) {
    const own = Float32Array.from(logits);
    for (const temperature of [0.5, 2]) {
      const expected = softmaxRows(own.map((logit) => logit / temperature), classes);
      withTemperature(probabilities, classes, temperature).forEach((p, i) => near(p, expected[i]!, 1e-12));
    }
    assert.equal(withTemperature(probabilities, classes, 1), probabilities);
    const fitted = fitTemperature(labels, probabilities, classes)!;
    const calibrated = withTemperature(probabilities, classes, fitted);
    assert.deepEqual(argmaxRows(calibrated, classes), argmaxRows(probabilities, classes));
    const loss = meanCrossEntropy(labels, calibrated, classes);
    for (const factor of [0.99, 1.01]) {
      const other = withTemperature(probabilities, classes, factor * fitted);
      assert.ok(meanCrossEntropy(labels, other, classes) > loss);
    }
    // Probabilities that are calibrated already have the temperature 1.
    near(fitTemperature(labels, calibrated, classes)!, 1, 1e-7);
  }
});

Deno.test("the logits by which labels are drawn, made larger by a factor, have that temperature", () => {
  const random = new Random(3);
  const [rows, classes, factor] = [20_000, 4, 2.5];
  const logits = Float32Array.from({ length: rows * classes }, () => 3 * random.uniform());
  const truth = softmaxRows(logits, classes);
  const labels = Uint32Array.from({ length: rows }, (_, row) => {
    let left = random.uniform();
    for (let k = 0; k < classes - 1; k++) {
      left -= truth[row * classes + k]!;
      if (left < 0) return k;
    }
    return classes - 1;
  });
  const sharper = softmaxRows(logits.map((logit) => factor * logit), classes);
  near(fitTemperature(labels, sharper, classes)!, factor, 0.1);
  const { ece, adaptive_ece } = calibrationMeasures(labels, truth, classes);
  assert.ok(ece < 0.02 && adaptive_ece < 0.02, `${ece}, ${adaptive_ece}`);
  const raw = calibrationMeasures(labels, sharper, classes);
  assert.ok(raw.ece > 0.1 && raw.adaptive_ece > 0.1);
});

Deno.test("bins hold the answers of their range, its end included; errors are weighed by samples", () => {
  // Answers of probability 0.6, 0.6, 0.8 and 1, of which the first, the third and the last are right.
  const probabilities = Float64Array.of(0.6, 0.4, 0.6, 0.4, 0.2, 0.8, 0, 1);
  const labels = Uint32Array.of(0, 1, 1, 1);
  const bins = reliability(labels, probabilities, 2, 5);
  assert.deepEqual(bins.map(({ samples }) => samples), [0, 0, 2, 1, 1]);
  assert.deepEqual(bins.map(({ accuracy }) => accuracy), [0, 0, 0.5, 1, 1]);
  assert.deepEqual(bins.map(({ confidence }) => confidence), [0, 0, 0.6, 0.8, 1]);
  const { ece, brier } = calibrationMeasures(labels, probabilities, 2);
  near(ece, (2 * 0.1 + 0.2 + 0) / 4, 1e-12);
  near(brier, (2 * 0.16 + 2 * 0.36 + 2 * 0.04 + 0) / 4, 1e-12);
  const none = { ece: 0, adaptive_ece: 0, brier: 0, loss: 0 };
  assert.deepEqual(calibrationMeasures(new Uint32Array(), new Float64Array(), 2), none);
});

Deno.test("no temperature is fitted where none is best, or too few samples tell; what overflowed is left out", () => {
  const { classes, labels, probabilities } = cases[0]!;
  const all = (row: readonly number[]) => Float64Array.from({ length: 30 * 3 }, (_, i) => row[i % 3]!);
  const first = new Uint32Array(30);
  // Of one class alone, all right: sharper is always better. And all wrong: flatter is.
  assert.equal(fitTemperature(first, all([0.6, 0.3, 0.1]), 3), undefined);
  assert.equal(fitTemperature(first, all([0.1, 0.3, 0.6]), 3), undefined);
  assert.equal(fitTemperature(first, all([1, 0, 0]), 3), undefined);
  assert.equal(fitTemperature(new Uint32Array(), new Float64Array(), 3), undefined);
  const few = LEAST_SAMPLES - 1;
  assert.equal(
    fitTemperature(labels.subarray(0, few), probabilities.subarray(0, few * classes), classes),
    undefined,
  );
  const overflown = Float64Array.of(NaN, NaN, NaN, ...probabilities);
  const [temperature, expected] = [
    fitTemperature(Uint32Array.of(1, ...labels), overflown, classes),
    fitTemperature(labels, probabilities, classes),
  ];
  assert.equal(temperature, expected);
  assert.equal(
    calibrationMeasures(Uint32Array.of(1, ...labels), overflown, classes).ece,
    calibrationMeasures(labels, probabilities, classes).ece,
  );
  // One answer that is certain and wrong makes all less certain, and is no infinity.
  const certain = probabilities.slice();
  certain.set([1e-30, 1e-30, 1e-30], 0);
  certain[(labels[0]! + 1) % 3] = 1;
  assert.ok(fitTemperature(labels, certain, classes)! > expected!);
  assert.deepEqual(
    Object.keys(fitTemperatures(said("a", first, all([0.6, 0.3, 0.1]), 3))),
    [],
  );
});
