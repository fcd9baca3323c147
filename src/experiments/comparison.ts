/** Compares each variant of an experiment with a baseline, on the same test samples. */
import { type Correct, pairedBootstrap, type Pairing } from "../metrics/bootstrap.ts";
import type { ExperimentFile } from "./experiment_file.ts";
import { combinations, type Levels, type PlannedRun } from "./plan_runs.ts";
import { isAt } from "./table.ts";

/** The test samples of a finished run, and which predictions of its main head are right. */
export interface TestPredictions {
  readonly ids: readonly string[];
  readonly correct: Correct; // [samples]
}

export interface ComparedRun extends Pick<PlannedRun, "variant" | "levels" | "seed" | "fold"> {
  readonly predictions: TestPredictions | undefined;
}

export interface Comparison {
  readonly variant: string;
  readonly levels: Levels;
  /** The difference of test accuracies, variant minus baseline, and the ends of its 95 % interval. */
  readonly difference: number;
  readonly low: number;
  readonly high: number;
  /** The seeds with which both have finished. */
  readonly seeds: readonly number[];
}

interface Pair extends Pairing {
  readonly run: ComparedRun;
  readonly reference: ComparedRun;
  readonly samples: readonly string[];
}

/** The variant that others are compared with, if any. */
export function baselineOf({ baseline, variants }: ExperimentFile): string | undefined {
  return baseline === null || variants.length < 2 ? undefined : baseline ?? variants[0]!.name;
}

/**
 * Runs that differ in their folds alone as one, which was tested on the samples of all folds; it has finished when they
 * all have.
 */
export function joinFolds(runs: readonly ComparedRun[]): ComparedRun[] {
  const alike = Map.groupBy(runs, ({ variant, levels, seed }) => JSON.stringify([variant, levels, seed]));
  return [...alike.values()].map((folds) => {
    const tested = folds.flatMap(({ predictions }) => predictions ?? []);
    const predictions = tested.length < folds.length ? undefined : {
      ids: tested.flatMap(({ ids }) => ids),
      correct: Uint8Array.from(tested.flatMap(({ correct }) => [...correct])),
    };
    const { variant, levels, seed } = folds[0]!;
    return { variant, levels, seed, predictions };
  });
}

/**
 * The comparisons at every combination of levels, over the seeds that both have finished with. Variants that were tested on
 * other samples than the baseline are left out, since there are no pairs.
 */
export function compare(file: ExperimentFile, runs: readonly ComparedRun[]): Comparison[] {
  const baseline = baselineOf(file);
  const found = new Map<string, Comparison>();
  for (const combination of combinations(file.factors)) {
    const here = runs.filter((run) => isAt(run, combination));
    const references = new Map(
      here.filter(({ variant }) => variant === baseline).map((run) => [run.seed, run]),
    );
    for (const { name } of file.variants) {
      if (name === baseline) continue;
      const pairs: Pair[] = [];
      for (const run of here.filter(({ variant }) => variant === name)) {
        const reference = references.get(run.seed);
        if (run.predictions === undefined || reference?.predictions === undefined) continue;
        const samples = pairs[0]?.samples ?? reference.predictions.ids;
        if (!equal(samples, run.predictions.ids) || !equal(samples, reference.predictions.ids)) continue;
        const [model, baseline] = [run.predictions.correct, reference.predictions.correct];
        pairs.push({ run, reference, samples, model, baseline });
      }
      const [first] = pairs;
      if (first === undefined) continue;
      const levels = Object.fromEntries(
        Object.entries(combination).filter(([factor]) =>
          factor in first.run.levels || factor in first.reference.levels
        ),
      );
      const key = JSON.stringify([name, levels]);
      if (found.has(key)) continue;
      const seeds = pairs.map(({ run }) => run.seed);
      found.set(key, { variant: name, levels, ...pairedBootstrap(pairs), seeds });
    }
  }
  return [...found.values()];
}

function equal(a: readonly string[], b: readonly string[]): boolean {
  return a.length > 0 && a.length === b.length && a.every((id, i) => id === b[i]);
}
