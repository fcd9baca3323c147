/** How well scores rank the samples of a class above the others; the definitions are those of scikit-learn. */
import type { Values } from "./answers.ts";

/** A measure of one class against the rest: `score` and `isPositive` by row. */
type Ranking = (rows: number, score: (row: number) => number, isPositive: (row: number) => boolean) => number;

/**
 * The area under the ROC curve: how often a sample of a class has a larger score of it than one of another, ties counting
 * half. Of two classes it is that of class 1; of more the mean over the classes, each against the rest, of those that have
 * samples on both sides. `scores` is [samples, classes]; undefined where all samples are of one class.
 */
export function auc(labels: Values, scores: Float64Array, classes: number): number | undefined {
  return overClasses(areaUnderRoc, labels, scores, classes);
}

/**
 * The average precision, Σ_n (R_n − R_{n−1}) P_n over the thresholds of the scores from the highest, R being recall and P
 * precision; of classes as `auc` has it.
 */
export function averagePrecision(
  labels: Values,
  scores: Float64Array,
  classes: number,
): number | undefined {
  return overClasses(precisionOf, labels, scores, classes);
}

function overClasses(
  ranking: Ranking,
  labels: Values,
  scores: Float64Array,
  classes: number,
): number | undefined {
  const present = new Set(labels);
  if (present.size < 2) return undefined;
  const of = (k: number) =>
    ranking(labels.length, (row) => scores[row * classes + k]!, (row) => labels[row] === k);
  if (classes === 2) return of(1);
  return [...present].reduce((sum, k) => sum + of(k), 0) / present.size;
}

/**
 * Rows by falling score, in groups of equal ones. NaN scores, as after divergence, are neither above one another nor equal
 * to themselves, and so make one group with what they stand beside.
 */
function* ranked(rows: number, score: (row: number) => number): Generator<Uint32Array> {
  const order = Uint32Array.from({ length: rows }, (_, row) => row).sort((a, b) => score(b) - score(a));
  for (let start = 0, end = 0; start < rows; start = end) {
    while (end < rows && !(score(order[end]!) < score(order[start]!))) end++;
    yield order.subarray(start, end);
  }
}

/** The area under the ROC curve of one class against the rest, which both have samples. */
export const areaUnderRoc: Ranking = (rows, score, isPositive) => {
  // Mann and Whitney's U: pairs of a positive and a negative below it, ties counting half.
  let above = 0, seen = 0, pairs = 0;
  for (const group of ranked(rows, score)) {
    const positives = group.filter(isPositive).length;
    const negatives = group.length - positives;
    pairs += negatives * (above + positives / 2);
    above += positives;
    seen += negatives;
  }
  return pairs / (above * seen);
};

/** The average precision of one class against the rest, which has samples. */
export const precisionOf: Ranking = (rows, score, isPositive) => {
  let found = 0, seen = 0, area = 0;
  for (const group of ranked(rows, score)) {
    const positives = group.filter(isPositive).length;
    found += positives;
    seen += group.length;
    area += positives * (found / seen);
  }
  return area / found;
};
