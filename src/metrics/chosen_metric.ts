/** What is best in validation: the metrics that `training.metric` names, one row each. */
import { accuracy, balancedAccuracy, classScores, macroF1, meanCrossEntropy } from "./metrics.ts";
import { auc, averagePrecision } from "./ranking.ts";

/** What a head says of samples. */
export interface Answers {
  readonly labels: Uint32Array;
  readonly classes: number;
  readonly predicted: Uint32Array;
  readonly probabilities: Float64Array; // [samples, classes]
}

export interface Metric {
  readonly title: string;
  /** Whether more of it is better, or less. */
  readonly mode: "max" | "min";
  /** Undefined where the samples do not tell. */
  of(answers: Answers): number | undefined;
}

/** Each by its name in configurations and in records. */
export const METRICS = {
  accuracy: { title: "accuracy", mode: "max", of: ({ labels, predicted }) => accuracy(labels, predicted) },
  balanced_accuracy: {
    title: "balanced accuracy",
    mode: "max",
    of: ({ labels, predicted, classes }) => balancedAccuracy(classScores(labels, predicted, classes)),
  },
  macro_f1: {
    title: "macro F1",
    mode: "max",
    of: ({ labels, predicted, classes }) => macroF1(classScores(labels, predicted, classes)),
  },
  loss: {
    title: "loss",
    mode: "min",
    of: ({ labels, probabilities, classes }) => meanCrossEntropy(labels, probabilities, classes),
  },
  auc: {
    title: "AUC",
    mode: "max",
    of: ({ labels, probabilities, classes }) => auc(labels, probabilities, classes),
  },
  average_precision: {
    title: "average precision",
    mode: "max",
    of: ({ labels, probabilities, classes }) => averagePrecision(labels, probabilities, classes),
  },
} as const satisfies Record<string, Metric>;

export type MetricName = keyof typeof METRICS;
export const METRIC_NAMES = Object.keys(METRICS) as MetricName[];

/** Whether a score is better than the best so far, of which there may be none. */
export function isBetter(metric: MetricName, score: number, best: number | undefined): boolean {
  if (best === undefined) return true;
  return METRICS[metric].mode === "max" ? score > best : score < best;
}
