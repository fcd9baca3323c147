/** The measures of evaluations as they are shown. */
import type { TaskName } from "../data/targets.ts";
import type { Evaluation } from "../runs/records.ts";
import { formatCount, formatShare } from "./units.ts";

/** In the order in which they are shown. */
export const MEASURES = [
  ["accuracy", "accuracy"],
  ["label_accuracy", "label accuracy"],
  ["top_2", "top-2"],
  ["top_5", "top-5"],
  ["micro_f1", "micro F1"],
  ["macro_f1", "macro F1"],
  ["samples_f1", "samples F1"],
  ["weighted_f1", "weighted F1"],
  ["balanced_accuracy", "balanced accuracy"],
  ["auc", "AUC"],
  ["average_precision", "average precision"],
  ["mae", "MAE"],
  ["rmse", "RMSE"],
  ["r2", "R²"],
  ["pearson", "Pearson's r"],
] as const;
export type MeasureKey = typeof MEASURES[number][0];

/** What tasks other than classification call some of them. */
const TITLES: Readonly<Record<string, { readonly [K in MeasureKey]?: string }>> = {
  multi_label: { accuracy: "sets right", average_precision: "mAP" },
  regression: { accuracy: "within tolerance" },
};

/** Those that are numbers in the units of the data; the others are shares. */
const IN_UNITS: ReadonlySet<string> = new Set(["mae", "rmse"]);
const DIGITS = 4;

/** The measures that some of these have, of one task, and their titles. */
export function measuresIn(
  ...evaluations: readonly Evaluation[]
): (readonly [key: MeasureKey, title: string])[] {
  const titles = TITLES[evaluations[0]?.task ?? "classification"] ?? {};
  return MEASURES.filter(([key]) => evaluations.some((one) => one[key] !== undefined)).map(([key, title]) =>
    [key, titles[key] ?? title] as const
  );
}

/** `.725` for a share, `12.34` for a number in the units of the data. */
export function formatMeasure(key: string, value: number | undefined): string {
  if (value === undefined || !IN_UNITS.has(key)) return formatShare(value);
  return String(Number(value.toPrecision(DIGITS)));
}

/** What samples are to be told: `9 classes`, `4 labels` or `a number`. */
export function targetsText(task: TaskName, count: number): string {
  return {
    classification: `${formatCount(count)} classes`,
    multi_label: `${formatCount(count)} labels`,
    regression: "a number",
  }[task];
}
