/** What an experiment has found so far: results.json, results.md, results.csv and comparison.csv in its folder. */
import { join } from "node:path";
import { csvCell } from "../../data/csv.ts";
import { writeTextFile } from "../../io/file_bytes.ts";
import { writeJsonFile } from "../../io/json_file.ts";
import { UserError } from "../../io/user_error.ts";
import { readPredictions } from "../prediction_table.ts";
import type { ByHead } from "../records.ts";
import type { RunFolder } from "../run_folder.ts";
import { type Answers, baselineOf, compare, type Comparison } from "./comparison.ts";
import { type ExperimentFile, type Measure, MEASURES } from "./experiment_file.ts";
import { resultsMarkdown } from "./markdown.ts";
import type { Levels, PlannedRun } from "./plan.ts";
import { fillTable, type Measured, type Table } from "./table.ts";

/** What is known of a run after its test. */
export interface Outcome {
  readonly measured: Measured;
  readonly answers: Answers;
}

/** A run in results.json. */
export interface ListedRun {
  readonly name: string;
  /** Relative to the folder of the experiment. */
  readonly path: string;
  readonly variant: string;
  readonly levels: Levels;
  /** Runs of one group differ in their seeds alone. */
  readonly group: string;
  readonly method: string;
  readonly seed: number;
  readonly status: "finished" | "failed" | "open";
  readonly message?: string;
  /** In the test, by head. */
  readonly accuracy?: ByHead;
}

/** results.json. It holds neither dates nor durations: the same runs give the same bytes, however they were made. */
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
  const { ids, heads, labels, predicted } = readPredictions(join(run.path, "predictions.csv"));
  const main = predicted.get(heads.at(-1)!)!;
  const measured = Object.fromEntries(
    (Object.keys(MEASURES) as Measure[]).flatMap((key) => evaluation[key] ? [[key, evaluation[key]]] : []),
  );
  return {
    measured,
    answers: { ids, correct: Uint8Array.from(labels, (label, i) => Number(label === main[i])) },
  };
}

/** The tables and comparisons of the runs that have an outcome; `failures` are messages; both by the runs' names. */
export function resultsOf(
  file: ExperimentFile,
  planned: readonly PlannedRun[],
  outcomes: ReadonlyMap<string, Outcome>,
  failures: ReadonlyMap<string, string>,
): Results {
  const known = planned.map((run) => ({
    ...run,
    measured: outcomes.get(run.name)?.measured,
    answers: outcomes.get(run.name)?.answers,
  }));
  return {
    name: file.name,
    seeds: file.seeds,
    runs: known.map(({ name, variant, levels, method, seed, measured }): ListedRun => {
      const message = failures.get(name);
      return {
        name,
        path: name,
        variant,
        levels,
        group: [variant, ...Object.values(levels)].join(", "),
        method,
        seed,
        status: measured ? "finished" : message === undefined ? "open" : "failed",
        ...(message !== undefined && { message }),
        ...(measured?.accuracy && { accuracy: measured.accuracy }),
      };
    }),
    tables: file.tables.map((spec) => fillTable(spec, file, known)),
    baseline: baselineOf(file) ?? null,
    comparison: compare(file, known),
  };
}

/** Writes all files of the results; gives the text of results.md. */
export function writeResults(folder: string, results: Results): string {
  const markdown = resultsMarkdown(results);
  writeJsonFile(join(folder, "results.json"), results);
  writeTextFile(join(folder, "results.csv"), tablesCsv(results));
  writeTextFile(join(folder, "comparison.csv"), comparisonCsv(results));
  writeTextFile(join(folder, "results.md"), markdown);
  return markdown;
}

/** A line for every cell of every table; numbers are shares. */
export function tablesCsv({ tables, runs }: Results): string {
  const factors = factorsOf(runs);
  return toCsv([
    ["table", "variant", ...factors, "head", "measure", "mean", "deviation", "runs", "best"],
    ...tables.flatMap(({ title, cells }) =>
      cells.map(({ variant, levels, head, measure, mean, deviation, runs, best }) => [
        title,
        variant,
        ...factors.map((factor) => levels[factor] ?? ""),
        head,
        measure,
        String(mean),
        deviation === null ? "" : String(deviation),
        String(runs),
        best ? "yes" : "",
      ])
    ),
  ]);
}

/** A line for every variant but the baseline, at all levels; numbers are shares. */
export function comparisonCsv({ comparison, baseline, runs }: Results): string {
  const factors = factorsOf(runs);
  return toCsv([
    ["variant", ...factors, "baseline", "difference", "low", "high", "runs"],
    ...comparison.map(({ variant, levels, difference, low, high, seeds }) => [
      variant,
      ...factors.map((factor) => levels[factor] ?? ""),
      baseline ?? "",
      ...[difference, low, high, seeds.length].map(String),
    ]),
  ]);
}

function factorsOf(runs: readonly ListedRun[]): string[] {
  return [...new Set(runs.flatMap(({ levels }) => Object.keys(levels)))];
}

function toCsv(rows: readonly (readonly string[])[]): string {
  return rows.map((cells) => cells.map(csvCell).join(",") + "\n").join("");
}
