/** How much the score of trials hangs on each parameter, as far as so few trials can tell. */
import { type MetricName, METRICS } from "../metrics/chosen_metric.ts";
import type { Parameter } from "./sweep_file.ts";

/** A trial that has been scored. */
export interface Scored {
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly score: number;
}

export interface Importance {
  readonly parameter: string;
  /** Of a range |ρ|, of a list η: both from 0 to 1, and undefined where all values or all scores are equal. */
  readonly importance: number | null;
  /** Spearman's ρ of a range: above 0 where larger values do better. */
  readonly rho?: number;
  /** The mean score with each value of a list that was drawn, and the number of trials. */
  readonly means?: readonly { readonly value: unknown; readonly mean: number; readonly trials: number }[];
}

/**
 * By ranks of scores, the best last: of a range Spearman's rank correlation ρ, of a list the correlation ratio η = √(sum of
 * squares between its values / that in all). Parameters are looked at one by one, most important first.
 */
export function importances(
  space: Readonly<Record<string, Parameter>>,
  trials: readonly Scored[],
  metric: MetricName,
): Importance[] {
  const sign = METRICS[metric].mode === "max" ? 1 : -1;
  const ranks = ranksOf(trials.map(({ score }) => sign * score));
  const all = Object.entries(space).map(([parameter, drawnFrom]): Importance => {
    const values = trials.map(({ parameters }) => parameters[parameter]);
    if (!Array.isArray(drawnFrom)) {
      const rho = correlation(ranksOf(values as number[]), ranks);
      return {
        parameter,
        importance: rho === undefined ? null : Math.abs(rho),
        ...(rho !== undefined && { rho }),
      };
    }
    const groups = [...Map.groupBy(trials.keys(), (i) => JSON.stringify(values[i])).values()];
    const means = groups.map((rows) => ({
      value: values[rows[0]!],
      mean: mean(rows.map((i) => trials[i]!.score)),
      trials: rows.length,
    }));
    const expected = new Array<number>(trials.length);
    for (const rows of groups) for (const i of rows) expected[i] = mean(rows.map((row) => ranks[row]!));
    const [between, total] = [deviations(expected), deviations(ranks)];
    const ratio = total === 0 || groups.length < 2 ? null : Math.sqrt(between / total);
    return { parameter, importance: ratio, means };
  });
  return all.toSorted((a, b) => (b.importance ?? -1) - (a.importance ?? -1));
}

/** Ranks from 1, equal values sharing their mean rank. */
function ranksOf(values: readonly number[]): number[] {
  return values.map((value) => {
    const below = values.filter((other) => other < value).length;
    const equal = values.filter((other) => other === value).length;
    return below + (equal + 1) / 2;
  });
}

/** Pearson's correlation; undefined where one does not vary. */
function correlation(a: readonly number[], b: readonly number[]): number | undefined {
  const [meanA, meanB] = [mean(a), mean(b)];
  const product = a.reduce((sum, value, i) => sum + (value - meanA) * (b[i]! - meanB), 0);
  const norm = Math.sqrt(deviations(a) * deviations(b));
  return norm === 0 ? undefined : product / norm;
}

function deviations(values: readonly number[]): number {
  const middle = mean(values);
  return values.reduce((sum, value) => sum + (value - middle) ** 2, 0);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
