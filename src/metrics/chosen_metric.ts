/** What is best in validation: the metrics that `training.metric` names; which a task has, and how, says its file. */
import type { TaskName } from "../data/targets.ts";
import { TASK_MEASURES } from "./tasks/registry.ts";

export interface Metric {
  readonly title: string;
  /** Whether more of it is better, or less. */
  readonly mode: "max" | "min";
}

/** Each by its name in configurations and in records. */
export const METRICS = {
  accuracy: { title: "accuracy", mode: "max" },
  balanced_accuracy: { title: "balanced accuracy", mode: "max" },
  macro_f1: { title: "macro F1", mode: "max" },
  loss: { title: "loss", mode: "min" },
  auc: { title: "AUC", mode: "max" },
  average_precision: { title: "average precision", mode: "max" },
  label_accuracy: { title: "label accuracy", mode: "max" },
  micro_f1: { title: "micro F1", mode: "max" },
  samples_f1: { title: "samples F1", mode: "max" },
  mae: { title: "MAE", mode: "min" },
  rmse: { title: "RMSE", mode: "min" },
  r2: { title: "R²", mode: "max" },
  pearson: { title: "Pearson's r", mode: "max" },
} as const satisfies Record<string, Metric>;

export type MetricName = keyof typeof METRICS;
export const METRIC_NAMES = Object.keys(METRICS) as MetricName[];

/** The metrics that a task has. */
export function metricsOf(task: TaskName): readonly string[] {
  return Object.keys(TASK_MEASURES[task].metrics);
}

/** Whether a score is better than the best so far, of which there may be none. */
export function isBetter(metric: MetricName, score: number, best: number | undefined): boolean {
  if (best === undefined) return true;
  return METRICS[metric].mode === "max" ? score > best : score < best;
}
