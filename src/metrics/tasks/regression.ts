/** Measures of numbers; the definitions are scikit-learn's. */
import { type Answers, shareRight, type TaskMeasures } from "../answers.ts";

/** Sums over samples, from which the measures are made: of errors, and of both numbers about their means. */
function sumsOf({ labels, predicted }: Answers) {
  const samples = Math.max(1, labels.length);
  const mean = (values: Iterable<number>) => [...values].reduce((sum, value) => sum + value, 0) / samples;
  const [center, predictedCenter] = [mean(labels), mean(predicted)];
  let absolute = 0, squared = 0, spread = 0, predictedSpread = 0, together = 0;
  for (const [row, label] of labels.entries()) {
    const own = predicted[row]!;
    absolute += Math.abs(own - label);
    squared += (own - label) ** 2;
    spread += (label - center) ** 2;
    predictedSpread += (own - predictedCenter) ** 2;
    together += (label - center) * (own - predictedCenter);
  }
  return { samples, absolute, squared, spread, predictedSpread, together };
}

const METRICS = {
  accuracy: shareRight,
  mae(answers: Answers) {
    const { absolute, samples } = sumsOf(answers);
    return absolute / samples;
  },
  rmse(answers: Answers) {
    const { squared, samples } = sumsOf(answers);
    return Math.sqrt(squared / samples);
  },
  /** 1 − Σ (error)² / Σ (number − mean)²; undefined where all numbers are equal. */
  r2(answers: Answers) {
    const { squared, spread } = sumsOf(answers);
    return spread > 0 ? 1 - squared / spread : undefined;
  },
  /** Undefined where all numbers, or all answers, are equal. */
  pearson(answers: Answers) {
    const { spread, predictedSpread, together } = sumsOf(answers);
    const scale = Math.sqrt(spread * predictedSpread);
    return scale > 0 || Number.isNaN(scale) ? together / scale : undefined;
  },
  /** The mean squared error in standard deviations of the training samples, as training has it. */
  loss(answers: Answers) {
    const { squared, samples } = sumsOf(answers);
    return squared / samples / (answers.scale?.std ?? 1) ** 2;
  },
};

export const regression: TaskMeasures = {
  name: "regression",
  answer(logits, _, { scale: { mean, std } }) {
    const predicted = Float64Array.from(logits, (x) => mean + std * x);
    return { predicted, probabilities: predicted };
  },
  right: (labels, predicted, _, { tolerance }) =>
    Uint8Array.from(labels, (label, row) => Number(Math.abs(predicted[row]! - label) <= tolerance)),
  metrics: METRICS,
  measure: (answers) => Object.fromEntries(Object.entries(METRICS).map(([name, of]) => [name, of(answers)])),
};
