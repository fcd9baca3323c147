/** Metrics of predictions against labels; the definitions are those of scikit-learn. */
import type { Values } from "./answers.ts";

/** The fraction of predictions that are right; 0 for no samples. */
export function accuracy(labels: Values, predicted: Values): number {
  let right = 0;
  for (const [row, label] of labels.entries()) if (predicted[row] === label) right++;
  return labels.length === 0 ? 0 : right / labels.length;
}

/** The scores of one class against the others. */
export interface ClassScores {
  /** The number of samples of the class. */
  support: number;
  /** The number of samples predicted to be of it. */
  predicted: number;
  precision: number;
  recall: number;
  /** 2 tp / (2 tp + fp + fn). */
  f1: number;
}

/** The scores of every class, each 0 where it would divide by 0. */
export function classScores(labels: Values, predicted: Values, classes: number): ClassScores[] {
  const [support, guesses, right] = [0, 1, 2].map(() => new Uint32Array(classes)) as [
    Uint32Array,
    Uint32Array,
    Uint32Array,
  ];
  for (const [row, label] of labels.entries()) {
    const guess = predicted[row]!;
    support[label]!++;
    guesses[guess]!++;
    if (guess === label) right[label]!++;
  }
  const share = (part: number, whole: number) => whole === 0 ? 0 : part / whole;
  return Array.from(right, (both, k) => ({
    support: support[k]!,
    predicted: guesses[k]!,
    precision: share(both, guesses[k]!),
    recall: share(both, support[k]!),
    f1: share(2 * both, support[k]! + guesses[k]!),
  }));
}

/** The unweighted mean of F1 over the classes that occur among labels or predictions; 0 for no samples. */
export function macroF1(scores: readonly ClassScores[]): number {
  const occurring = scores.filter(({ support, predicted }) => support + predicted > 0);
  return occurring.reduce((sum, { f1 }) => sum + f1, 0) / Math.max(1, occurring.length);
}

/** The mean of recall over the classes that have samples; 0 for no samples. */
export function balancedAccuracy(scores: readonly ClassScores[]): number {
  const occurring = scores.filter(({ support }) => support > 0);
  return occurring.reduce((sum, { recall }) => sum + recall, 0) / Math.max(1, occurring.length);
}

/** The mean of F1 over the classes, each weighted by its number of samples; 0 for no samples. */
export function weightedF1(scores: readonly ClassScores[]): number {
  const samples = scores.reduce((sum, { support }) => sum + support, 0);
  return scores.reduce((sum, { f1, support }) => sum + f1 * support, 0) / Math.max(1, samples);
}

/**
 * The fraction of samples whose label is among the k classes with the largest scores [samples, classes]. Among equal
 * scores the first classes come first, as in `argmaxRows`. It is 0 for no samples.
 */
export function topAccuracy(labels: Values, scores: Float64Array, classes: number, k: number): number {
  let right = 0;
  for (const [row, label] of labels.entries()) {
    const own = scores[row * classes + label]!;
    let above = 0;
    for (let other = 0; other < classes; other++) {
      const score = scores[row * classes + other]!;
      // Where one of them is NaN, as after divergence, the label does not count as the better one.
      const isBelow = score < own || (score === own && other > label);
      if (other !== label && !isBelow) above++;
    }
    if (above < k) right++;
  }
  return labels.length === 0 ? 0 : right / labels.length;
}

/** Samples by label (rows) and prediction (columns): [classes, classes]. */
export function confusionMatrix(
  labels: Values,
  predicted: Values,
  classes: number,
): Uint32Array {
  const counts = new Uint32Array(classes * classes);
  for (const [row, label] of labels.entries()) counts[label * classes + predicted[row]!]!++;
  return counts;
}

/** The fractions of all samples for which both, one or none of two modalities is right (the paper's Table 1). */
export interface PairShares {
  /** Both are right. */
  positive: number;
  /** Exactly one is right. */
  semi_positive: number;
  /** Both are wrong. */
  negative: number;
}

/** The name of a pair of modalities in records, such as "image-text". */
export function nameOfPair([a, b]: readonly [string, string]): string {
  return `${a}-${b}`;
}

/** Fractions from the counts of the types of pairs: both right, only a right, only b right, both wrong. */
export function pairShares(
  [both, onlyA, onlyB, none]: readonly [number, number, number, number],
): PairShares {
  const all = Math.max(1, both + onlyA + onlyB + none);
  return { positive: both / all, semi_positive: (onlyA + onlyB) / all, negative: none / all };
}

/** The same fractions from where modalities a and b are right, 1 or 0 for each sample. */
export function pairSharesOf(a: Uint8Array, b: Uint8Array): PairShares {
  const counts: [number, number, number, number] = [0, 0, 0, 0];
  for (const [row, isRight] of a.entries()) counts[(isRight ? 0 : 2) + (b[row] ? 0 : 1)]!++;
  return pairShares([counts[0], counts[1], counts[2], counts[3]]);
}

/**
 * The place of the largest of each row's scores, the first of equals; NaN counts as the largest, as on the device:
 * [rows, classes] gives [rows].
 */
export function argmaxRows(scores: Float32Array | Float64Array, classes: number): Uint32Array {
  return Uint32Array.from({ length: scores.length / classes }, (_, row) => {
    let best = 0;
    for (let k = 1; k < classes; k++) {
      const [score, highest] = [scores[row * classes + k]!, scores[row * classes + best]!];
      if (score > highest || (Number.isNaN(score) && !Number.isNaN(highest))) best = k;
    }
    return best;
  });
}

/** Probabilities from logits, computed in float64: [rows, classes] gives [rows, classes]. */
export function softmaxRows(logits: Float32Array, classes: number): Float64Array {
  const probabilities = new Float64Array(logits.length);
  for (let start = 0; start < logits.length; start += classes) {
    const row = logits.subarray(start, start + classes);
    const top = row.reduce((a, b) => Math.max(a, b), -Infinity);
    let sum = 0;
    row.forEach((logit, k) => sum += probabilities[start + k] = Math.exp(logit - top));
    for (let k = 0; k < classes; k++) probabilities[start + k]! /= sum;
  }
  return probabilities;
}

/** The mean of −log of the label's probability; 0 for no samples. */
export function meanCrossEntropy(labels: Values, probabilities: Float64Array, classes: number): number {
  let sum = 0;
  for (const [row, label] of labels.entries()) {
    // The loss stays finite where a probability has underflowed.
    sum -= Math.log(Math.max(probabilities[row * classes + label]!, Number.MIN_VALUE));
  }
  return labels.length === 0 ? 0 : sum / labels.length;
}
