/** Measures of predictions against labels; the definitions are those of scikit-learn. */

/** The share of predictions that are right; 0 of no samples. */
export function accuracy(labels: Uint32Array, predicted: Uint32Array): number {
  let right = 0;
  for (const [row, label] of labels.entries()) if (predicted[row] === label) right++;
  return labels.length === 0 ? 0 : right / labels.length;
}

/**
 * The unweighted mean of F1 = 2 tp / (2 tp + fp + fn) over the classes that occur among labels or predictions; 0 of no
 * samples.
 */
export function macroF1(labels: Uint32Array, predicted: Uint32Array): number {
  const counts = new Map<number, { both: number; total: number }>();
  const countOf = (name: number) => {
    const count = counts.get(name) ?? { both: 0, total: 0 };
    counts.set(name, count);
    return count;
  };
  for (const [row, label] of labels.entries()) {
    countOf(label).total++;
    countOf(predicted[row]!).total++;
    if (label === predicted[row]) countOf(label).both++;
  }
  let sum = 0;
  for (const { both, total } of counts.values()) sum += 2 * both / total;
  return counts.size === 0 ? 0 : sum / counts.size;
}

/** How the predictions of two modalities stand to the labels, as shares of all samples (the paper's Table 1). */
export interface PairShares {
  /** Both right. */
  positive: number;
  /** Exactly one right. */
  semi_positive: number;
  /** Both wrong. */
  negative: number;
}

/** Shares from the counts of each kind of pair: both right, only a right, only b right, both wrong. */
export function pairShares(
  [both, onlyA, onlyB, none]: readonly [number, number, number, number],
): PairShares {
  const all = Math.max(1, both + onlyA + onlyB + none);
  return { positive: both / all, semi_positive: (onlyA + onlyB) / all, negative: none / all };
}

/** As above, from the predictions of modalities a and b. */
export function pairSharesOf(labels: Uint32Array, a: Uint32Array, b: Uint32Array): PairShares {
  const counts: [number, number, number, number] = [0, 0, 0, 0];
  for (const [row, label] of labels.entries()) {
    counts[(a[row] === label ? 0 : 2) + (b[row] === label ? 0 : 1)]!++;
  }
  return pairShares([counts[0], counts[1], counts[2], counts[3]]);
}

/** The place of the largest of each row's scores, the first of equals: [rows, classes] gives [rows]. */
export function argmaxRows(scores: Float32Array, classes: number): Uint32Array {
  return Uint32Array.from({ length: scores.length / classes }, (_, row) => {
    let best = 0;
    for (let k = 1; k < classes; k++) {
      if (scores[row * classes + k]! > scores[row * classes + best]!) best = k;
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

/** The mean of −log of the label's probability; 0 of no samples. */
export function meanCrossEntropy(labels: Uint32Array, probabilities: Float64Array, classes: number): number {
  let sum = 0;
  for (const [row, label] of labels.entries()) {
    // A probability that underflowed is still a finite loss.
    sum -= Math.log(Math.max(probabilities[row * classes + label]!, Number.MIN_VALUE));
  }
  return labels.length === 0 ? 0 : sum / labels.length;
}
