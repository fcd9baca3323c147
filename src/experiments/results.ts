/** Gathers the results that an experiment has so far. */
import { UserError } from "../base/user_error.ts";
import { rightOf } from "../runs/predictions.ts";
import type { ByHead } from "../runs/records.ts";
import type { RunFolder } from "../runs/run_folder.ts";
import { baselineOf, compare, type Comparison, joinFolds, type TestPredictions } from "./comparison.ts";
import { type ExperimentFile, type Measure, MEASURES } from "./experiment_file.ts";
import type { Levels, PlannedRun } from "./plan_runs.ts";
import { fillTable, type Measured, type Table } from "./table.ts";

/** The outcome of the test of a run. */
export interface Outcome {
  readonly measured: Measured;
  readonly predictions: TestPredictions;
}

/** A run in results.json. */
export interface ListedRun {
  readonly name: string;
  /** The path of the run, relative to the folder of the experiment. */
  readonly path: string;
  readonly variant: string;
  readonly levels: Levels;
  /** Runs of one group differ in their seeds and folds alone. */
  readonly group: string;
  readonly method: string;
  readonly seed: number;
  readonly fold?: number;
  readonly status: "finished" | "failed" | "open";
  readonly message?: string;
  /** The test accuracy of each head. */
  readonly accuracy?: ByHead;
}

/** The content of results.json. It has neither dates nor durations, so that the same runs give the same bytes. */
export interface Results {
  readonly name: string;
  readonly seeds: readonly number[];
  readonly runs: readonly ListedRun[];
  readonly tables: readonly Table[];
  readonly baseline: string | null;
  readonly comparison: readonly Comparison[];
}

/** Reads the test of a run. Throws a UserError where there is none yet, or its files are damaged. */
export function outcomeOf(run: RunFolder): Outcome {
  const evaluation = run.evaluation();
  if (evaluation === undefined) throw new UserError(`The run ${run.path} has not been tested yet`);
  const table = run.predictions();
  if (table === undefined) {
    throw new UserError(`The run ${run.path} has no predictions.csv: restore it from a copy`);
  }
  const measured = Object.fromEntries(
    (Object.keys(MEASURES) as Measure[]).flatMap((key) => evaluation[key] ? [[key, evaluation[key]]] : []),
  );
  return {
    measured,
    predictions: { ids: table.ids, correct: rightOf(table, table.heads.at(-1)!) },
  };
}

/** The tables and comparisons of runs. `outcomes` and `failures`, which are messages, are by the names of the runs. */
export function resultsOf(
  file: ExperimentFile,
  planned: readonly PlannedRun[],
  outcomes: ReadonlyMap<string, Outcome>,
  failures: ReadonlyMap<string, string>,
): Results {
  const known = planned.map((run) => ({
    ...run,
    measured: outcomes.get(run.name)?.measured,
    predictions: outcomes.get(run.name)?.predictions,
  }));
  return {
    name: file.name,
    seeds: file.seeds,
    runs: known.map(({ name, variant, levels, method, seed, fold, measured }): ListedRun => {
      const message = failures.get(name);
      return {
        name,
        path: name,
        variant,
        levels,
        group: [variant, ...Object.values(levels)].join(", "),
        method,
        seed,
        ...(fold !== undefined && { fold }),
        status: measured ? "finished" : message === undefined ? "open" : "failed",
        ...(message !== undefined && { message }),
        ...(measured?.accuracy && { accuracy: measured.accuracy }),
      };
    }),
    tables: file.tables.map((spec) => fillTable(spec, file, known)),
    baseline: baselineOf(file) ?? null,
    comparison: compare(file, joinFolds(known)),
  };
}
