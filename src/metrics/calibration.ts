/**
 * Whether probabilities can be believed: how far they are from how often answers are right, and the temperature that brings
 * them nearer (Guo et al., "On Calibration of Modern Neural Networks", 2017).
 */
import type { ClassAnswers, Values } from "./answers.ts";
import { argmaxRows, meanCrossEntropy } from "./metrics.ts";

/** The temperature of each head that has one, by its name. */
export type Temperatures = Readonly<Record<string, number>>;

/** How far the probabilities of a head can be believed. */
export interface CalibrationMeasures {
  /** The expected calibration error, Σ_b n_b / n · |accuracy_b − confidence_b|, over 15 bins of equal width. */
  ece: number;
  /** The same over 15 bins of equally many samples. */
  adaptive_ece: number;
  /** The mean of Σ_k (p_k − [k is the label])²; Brier, 1950. */
  brier: number;
  /** The mean of −log of the label's probability. */
  loss: number;
}

/** The measures of a head's probabilities as they are, and those of the calibrated ones where it has a temperature. */
export interface HeadCalibration {
  raw: CalibrationMeasures;
  temperature?: number;
  calibrated?: CalibrationMeasures;
}

/** Samples whose answers have probabilities within one range. */
export interface Bin {
  readonly samples: number;
  /** The mean probability of their answers. */
  readonly confidence: number;
  /** The share of the answers that is right. */
  readonly accuracy: number;
}

export const BINS = 15;
/** A temperature is looked for between 1 / 100 and 100. */
const MOST = 100;
/** Fewer validation samples tell too little of a temperature. */
export const LEAST_SAMPLES = 20;
/** In the scale of inverse temperatures. */
const PRECISION = 1e-10;
const MOST_STEPS = 200;

/**
 * Probabilities [rows, classes] as they are with logits divided by a temperature, p_k^(1/T) / Σ p^(1/T). The order of the
 * classes stays; a temperature of 1 changes no bit.
 */
export function withTemperature(
  probabilities: Float64Array,
  classes: number,
  temperature: number,
): Float64Array {
  if (temperature === 1) return probabilities;
  const result = new Float64Array(probabilities.length);
  for (let start = 0; start < result.length; start += classes) {
    const row = probabilities.subarray(start, start + classes);
    const top = Math.log(row.reduce((a, b) => Math.max(a, b), 0));
    let sum = 0;
    for (const [k, p] of row.entries()) {
      sum += result[start + k] = Math.exp((Math.log(p) - top) / temperature);
    }
    for (let k = 0; k < classes; k++) result[start + k]! /= sum;
  }
  return result;
}

/** The least that 1 - p can be of a probability p in float64, but 0. */
const LEAST = Number.EPSILON / 2;

/** Probabilities of labels, each beside that of its absence: [.., labels] gives [.., labels, 2]. */
export function besideAbsence(probabilities: Float64Array): Float64Array {
  const both = new Float64Array(2 * probabilities.length);
  for (const [i, p] of probabilities.entries()) both.set([Math.max(1 - p, LEAST), p], 2 * i);
  return both;
}

/** `withTemperature` of labels, each by itself: σ(z / T) of σ(z). */
export function labelsWithTemperature(
  probabilities: Float64Array,
  _labels: number,
  temperature: number,
): Float64Array {
  if (temperature === 1) return probabilities;
  const both = withTemperature(besideAbsence(probabilities), 2, temperature);
  return probabilities.map((_, i) => both[2 * i + 1]!);
}

/**
 * The temperature by which the probabilities [rows, classes] of the labels are likeliest: the minimum over β = 1 / T of
 * mean log Σ_k exp(β (z_k − z_label)), which is convex, by Newton's method within a bracket. Rows that are not finite count
 * for nothing. Undefined for fewer than 20 rows, and where no temperature is best: where every answer is right, or where
 * labels are no likelier than others.
 */
export function fitTemperature(
  labels: Values,
  probabilities: Float64Array,
  classes: number,
): number | undefined {
  const scores = scoresAgainstLabels(labels, probabilities, classes);
  const rows = scores.length / classes;
  if (rows < LEAST_SAMPLES) return undefined;
  let [low, high] = [1 / MOST, MOST];
  if (slopeAt(low, scores, classes).slope >= 0 || slopeAt(high, scores, classes).slope <= 0) return undefined;
  let beta = 1;
  for (let step = 0; step < MOST_STEPS; step++) {
    const { slope, curvature } = slopeAt(beta, scores, classes);
    if (slope > 0) high = beta;
    else low = beta;
    const newton = beta - slope / curvature;
    const next = newton > low && newton < high ? newton : (low + high) / 2;
    const isThere = Math.abs(next - beta) < PRECISION * beta;
    beta = next;
    if (isThere) break;
  }
  return 1 / beta;
}

/** The temperatures of all heads that have one. */
export function fitTemperatures(answers: ReadonlyMap<string, ClassAnswers>): Temperatures {
  return Object.fromEntries(
    Array.from(
      answers,
      ([head, { labels, probabilities, classes }]) =>
        [head, fitTemperature(labels, probabilities, classes)] as const,
    )
      .flatMap(([head, fitted]) => fitted === undefined ? [] : [[head, fitted]]),
  );
}

/** Logits of each class minus that of the label, of the rows that are finite: [rows, classes]. */
function scoresAgainstLabels(
  labels: Values,
  probabilities: Float64Array,
  classes: number,
): Float64Array {
  const log = (p: number) => Math.log(Math.max(p, Number.MIN_VALUE));
  const scores = new Float64Array(probabilities.length);
  let used = 0;
  for (const [row, label] of labels.entries()) {
    const own = probabilities.subarray(row * classes, (row + 1) * classes);
    if (!own.every(Number.isFinite)) continue;
    for (const [k, p] of own.entries()) scores[used * classes + k] = log(p) - log(own[label]!);
    used++;
  }
  return scores.subarray(0, used * classes);
}

/** The first and the second derivative by β of the mean of log Σ exp(β score): means and variances under the softmax. */
function slopeAt(
  beta: number,
  scores: Float64Array,
  classes: number,
): { slope: number; curvature: number } {
  let slope = 0, curvature = 0;
  for (let start = 0; start < scores.length; start += classes) {
    let top = -Infinity;
    for (let k = start; k < start + classes; k++) top = Math.max(top, scores[k]!);
    let sum = 0, first = 0, second = 0;
    for (let k = start; k < start + classes; k++) {
      const weight = Math.exp(beta * (scores[k]! - top));
      sum += weight;
      first += weight * scores[k]!;
      second += weight * scores[k]! ** 2;
    }
    const mean = first / sum;
    slope += mean;
    curvature += second / sum - mean ** 2;
  }
  return { slope, curvature };
}

/** The answers of the rows that are finite: their probabilities, and whether they are right. */
interface Answered {
  readonly confidence: Float64Array;
  readonly right: Uint8Array;
}

function answersOf(labels: Values, probabilities: Float64Array, classes: number): Answered {
  const answers = argmaxRows(probabilities, classes);
  const finite = Array.from(labels.keys()).filter((row) =>
    Number.isFinite(probabilities[row * classes + answers[row]!])
  );
  return {
    confidence: Float64Array.from(finite, (row) => probabilities[row * classes + answers[row]!]!),
    right: Uint8Array.from(finite, (row) => Number(answers[row] === labels[row])),
  };
}

/** The bins of a reliability diagram: bin b holds the answers of probabilities in (b / bins, (b + 1) / bins]. */
export function reliability(
  labels: Values,
  probabilities: Float64Array,
  classes: number,
  bins = BINS,
): Bin[] {
  const answered = answersOf(labels, probabilities, classes);
  return binned(answered, (p) => Math.max(0, Math.ceil(p * bins) - 1), bins);
}

function binned(
  { confidence, right }: Answered,
  binOf: (p: number, row: number) => number,
  bins: number,
): Bin[] {
  const sums = Array.from({ length: bins }, () => ({ samples: 0, confidence: 0, right: 0 }));
  for (const [row, p] of confidence.entries()) {
    const own = sums[binOf(p, row)]!;
    own.samples++;
    own.confidence += p;
    own.right += right[row]!;
  }
  return sums.map(({ samples, confidence, right }) => ({
    samples,
    confidence: confidence / Math.max(1, samples),
    accuracy: right / Math.max(1, samples),
  }));
}

/** Σ_b n_b / n · |accuracy_b − confidence_b|; 0 for no samples. */
function errorOf(bins: readonly Bin[]): number {
  const all = bins.reduce((sum, { samples }) => sum + samples, 0);
  return bins.reduce(
    (sum, { samples, confidence, accuracy }) => sum + samples * Math.abs(accuracy - confidence),
    0,
  ) / Math.max(1, all);
}

/** How far probabilities [rows, classes] can be believed; rows that are not finite count for nothing but the loss. */
export function calibrationMeasures(
  labels: Values,
  probabilities: Float64Array,
  classes: number,
): CalibrationMeasures {
  const { confidence, right } = answersOf(labels, probabilities, classes);
  const order = Array.from(confidence.keys()).sort((a, b) => confidence[a]! - confidence[b]!);
  const sorted = {
    confidence: Float64Array.from(order, (row) => confidence[row]!),
    right: Uint8Array.from(order, (row) => right[row]!),
  };
  const place = (_: number, row: number) => Math.floor(row * BINS / order.length);
  return {
    ece: errorOf(reliability(labels, probabilities, classes)),
    adaptive_ece: errorOf(binned(sorted, place, BINS)),
    brier: brierScore(labels, probabilities, classes),
    loss: meanCrossEntropy(labels, probabilities, classes),
  };
}

function brierScore(labels: Values, probabilities: Float64Array, classes: number): number {
  let sum = 0, rows = 0;
  for (const [row, label] of labels.entries()) {
    const own = probabilities.subarray(row * classes, (row + 1) * classes);
    if (!own.every(Number.isFinite)) continue;
    for (const [k, p] of own.entries()) sum += (p - Number(k === label)) ** 2;
    rows++;
  }
  return sum / Math.max(1, rows);
}

/** The calibration of every head, before and after its temperature where it has one. */
export function calibrationByHead(
  answers: ReadonlyMap<string, ClassAnswers>,
  temperatures: Temperatures = {},
): Record<string, HeadCalibration> {
  return Object.fromEntries(Array.from(answers, ([head, own]): [string, HeadCalibration] => {
    const { labels, probabilities, classes } = own;
    const temperature = temperatures[head];
    const raw = calibrationMeasures(labels, probabilities, classes);
    if (temperature === undefined) return [head, { raw }];
    const scaled = withTemperature(probabilities, classes, temperature);
    return [head, { raw, temperature, calibrated: calibrationMeasures(labels, scaled, classes) }];
  }));
}
