/** Measures by which modalities samples have: as they are, and with some withheld from those that have all. */
import type { Split } from "../data/batch.ts";
import { chosenRows } from "../data/chosen_rows.ts";
import type { Dataset } from "../data/dataset.ts";
import { visitedSamples } from "../data/epoch.ts";
import { withholding } from "../data/withholding.ts";
import { resolveMethod } from "../config/method_config.ts";
import { FUSION } from "../models/methods/architecture.ts";
import { answeredBy, type Predictions, predictionsOf } from "../runs/predictions.ts";
import type { PatternEvaluation } from "../runs/records.ts";
import { visitOf } from "./gradient_step.ts";
import { type AnsweringModel, evaluate, predict } from "./evaluation.ts";

/** Beyond so many modalities, those are tried that are left alone, or withheld alone, and not every set of them. */
const MOST_COMBINED = 4;

/** The measures of samples that have the same modalities, those with the most first; undefined where all have all. */
export function patternsOf(predictions: Predictions): PatternEvaluation[] | undefined {
  const { present } = predictions;
  if (present === undefined) return undefined;
  const heads = [...predictions.predicted.keys()].filter((head) => head !== FUSION);
  const has = (row: number) => heads.filter((head) => present.get(head)?.[row] !== 0);
  const groups = Map.groupBy(answeredBy(predictions), (row) => has(row).join());
  return [...groups.values()].map((rows) => measuresOf(predictionsOf(predictions, rows), has(rows[0]!)))
    .toSorted((a, b) => b.modalities.length - a.modalities.length);
}

function measuresOf(predictions: Predictions, modalities: string[]): PatternEvaluation {
  const { samples, accuracy, macro_f1, mae, loss } = evaluate(predictions, 0, []);
  return { modalities, samples, accuracy, ...(macro_f1 && { macro_f1 }), ...(mae && { mae }), loss };
}

/**
 * The measures of the samples of a split that have all modalities, with every set of these withheld that leaves some; undefined
 * where no sample that is visited has all, or the model cannot do without.
 */
export async function evaluateWithheld(
  model: AnsweringModel,
  data: Dataset,
  split: Split,
  signal?: AbortSignal,
): Promise<PatternEvaluation[] | undefined> {
  if (model.config.data.missing === "refuse") return undefined;
  const { modalities } = resolveMethod(model.config);
  const rows = Array.from({ length: data.count(split) }, (_, row) => row)
    .filter((row) => modalities.every((name) => data.has?.(split, row, name) ?? true));
  const { evaluation_batch } = model.config.training;
  if (visitedSamples(rows.length, evaluation_batch, visitOf(model.config)) === 0) return undefined;
  const whole = chosenRows(data, () => rows.length, (_, row) => rows[row]!);
  const found: PatternEvaluation[] = [];
  for (const left of setsOf(modalities)) {
    const predictions = await predict(model, withholding(whole, left), split, signal);
    found.push(measuresOf(predictions, [...left]));
  }
  return found;
}

/** Every set of names but the empty one, the largest first; of many names, all of them, all but one, and each alone. */
function setsOf(names: readonly string[]): string[][] {
  const sets = Array.from(
    { length: 2 ** Math.min(names.length, MOST_COMBINED) - 1 },
    (_, i) => names.filter((_, bit) => (i + 1) >> bit & 1),
  );
  const few = [
    [...names],
    ...names.map((name) => names.filter((other) => other !== name)),
    ...names.map((n) => [n]),
  ];
  return (names.length > MOST_COMBINED ? few : sets).toSorted((a, b) => b.length - a.length);
}
