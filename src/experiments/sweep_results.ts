/** Gathers what a sweep has come to, from the records of its runs alone: whoever stops it in between changes nothing. */
import type { RunConfig } from "../config/run_config.ts";
import { isBetter, type MetricName } from "../metrics/chosen_metric.ts";
import type { EpochRecord } from "../runs/records.ts";
import type { SettledRun } from "./experiment_folder.ts";
import type { ExperimentFile, Measure } from "./experiment_file.ts";
import { ranking, type Rung, rungsSoFar, type Standing } from "./halving.ts";
import { type Importance, importances } from "./importance.ts";
import type { ListedRun, Outcome } from "./results.ts";
import type { SweepFile } from "./sweep_file.ts";
import { fillTable, type Table } from "./table.ts";
import type { Trial } from "./trials.ts";

/** A sweep that is under way. */
export interface Sweep {
  readonly file: SweepFile;
  readonly experiment: ExperimentFile;
  readonly trials: readonly Trial[];
  /** All runs, a trial's together. */
  readonly runs: readonly SettledRun[];
  /** Epochs at which trials are compared. */
  readonly rungs: readonly number[];
}

/** What is known of a run: its records, and why it failed. */
export interface KnownRun {
  readonly records: readonly EpochRecord[];
  readonly failure: string | undefined;
}

/** A trial in results.json. */
export interface ListedTrial {
  readonly trial: number;
  readonly parameters: Readonly<Record<string, unknown>>;
  /** The score at each rung that it has come to. */
  readonly scores: readonly number[];
  /** From 1, the best; null where it has no score. */
  readonly rank: number | null;
  readonly failure?: string;
  /** Of training up to its last rung, over all its runs. */
  readonly epochs: number;
  readonly seconds: number;
}

/** The content of results.json. */
export interface SweepResults {
  readonly name: string;
  readonly strategy: SweepFile["strategy"];
  readonly eta: number;
  readonly metric: MetricName;
  readonly seeds: readonly number[];
  readonly rungs: readonly number[];
  readonly runs: readonly ListedRun[];
  readonly trials: readonly ListedTrial[];
  /** By the scores at the first rung, which all trials come to; once there are enough. */
  readonly importance: readonly Importance[];
  readonly best?: { readonly trial: number; readonly parameters: Trial["parameters"]; readonly test?: Table };
}

/** What is told of the test, besides the metric that the best trial was found by, where the task has it. */
const SHOWN: readonly Measure[] = ["accuracy", "macro_f1", "mae"];
/** Trials that an importance is told of, at least. */
const FEWEST = 3;

/** The metric that all runs of a sweep have in common. */
export function metricOf({ runs }: Pick<Sweep, "runs">): MetricName {
  return runs[0]!.config.training.metric;
}

/** The runs of a trial: one for each seed, and for each fold of a cross-validation. */
export function runsOf({ runs }: Pick<Sweep, "runs">, { title }: Trial): SettledRun[] {
  return runs.filter(({ variant }) => variant === title);
}

/** How far the rungs have come. A trial that fails keeps the scores of the rungs that it had come to. */
export function progressOf(sweep: Sweep, known: ReadonlyMap<string, KnownRun>): Rung[] {
  const standingOf = (number: number, epochs: number): Standing => {
    const runs = runsOf(sweep, sweep.trials[number - 1]!);
    const scores = runs.map(({ name, config }) => scoreAt(known.get(name)?.records ?? [], epochs, config));
    if (!scores.includes(undefined)) {
      return (scores as number[]).reduce((sum, score) => sum + score, 0) / scores.length;
    }
    return runs.some(({ name }) => known.get(name)?.failure !== undefined) ? "failed" : undefined;
  };
  const numbers = sweep.trials.map(({ number }) => number);
  return rungsSoFar(numbers, sweep.rungs, sweep.file.halving.eta, metricOf(sweep), standingOf);
}

/**
 * The validation score of the weights that a run would keep if it ended after so many epochs; undefined where it has not
 * come so far, and has not ended before either.
 */
export function scoreAt(
  records: readonly EpochRecord[],
  epochs: number,
  { training }: Pick<RunConfig, "training">,
): number | undefined {
  const { metric, keep, early_stopping } = training;
  let best: number | undefined;
  let since = 0;
  for (const record of records.filter(({ epoch }) => epoch <= epochs)) {
    const score = Object.values(record.validation_metric ?? record.validation_accuracy ?? {}).at(-1);
    if (score === undefined) continue;
    const isBest = record.validation_not_finite === undefined &&
      (keep === "last" || isBetter(metric, score, best));
    if (isBest) best = score;
    since = isBest ? 0 : since + 1;
  }
  const last = records.at(-1)?.epoch ?? 0;
  return last >= Math.min(epochs, training.epochs) || since >= early_stopping ? best : undefined;
}

/** All results so far; `outcome` gives the test of a run, and is asked for the best trial alone. */
export function sweepResults(
  sweep: Sweep,
  known: ReadonlyMap<string, KnownRun>,
  outcome: (run: string) => Outcome | undefined,
): SweepResults {
  const { file, experiment, trials } = sweep;
  const metric = metricOf(sweep);
  const progress = progressOf(sweep, known);
  const failed = (number: number) =>
    runsOf(sweep, trials[number - 1]!).some(({ name }) => known.get(name)?.failure !== undefined);
  const ranks = ranking(progress, metric).filter((number) => !failed(number));
  const listed = trials.map((trial): ListedTrial => {
    const reached = progress.filter(({ standings }) => typeof standings.get(trial.number) === "number");
    const runs = runsOf(sweep, trial).map(({ name }) => known.get(name));
    const failure = runs.find((run) => run?.failure !== undefined)?.failure;
    const epochs = Math.max(
      0,
      ...progress.filter(({ standings }) => standings.has(trial.number)).map((rung) => rung.epochs),
    );
    const spent = runs.flatMap((run) => run?.records.filter(({ epoch }) => epoch <= epochs) ?? []);
    return {
      trial: trial.number,
      parameters: trial.parameters,
      scores: reached.map(({ standings }) => standings.get(trial.number) as number),
      rank: ranks.includes(trial.number) ? ranks.indexOf(trial.number) + 1 : null,
      ...(failure !== undefined && { failure }),
      epochs: runs.reduce(
        (sum, run) => sum + (run?.records.findLast(({ epoch }) => epoch <= epochs)?.epoch ?? 0),
        0,
      ),
      seconds: Number(spent.reduce((sum, { seconds }) => sum + seconds, 0).toFixed(1)),
    };
  });
  const scored = listed.filter(({ scores }) => scores.length > 0)
    .map(({ parameters, scores }) => ({ parameters, score: scores[0]! }));
  const best = trials.find(({ number }) => number === ranks[0]);
  return {
    ...{ name: file.name, strategy: file.strategy, eta: file.halving.eta, metric },
    ...{ seeds: file.seeds, rungs: sweep.rungs },
    runs: sweep.runs.map((run) =>
      listedRun(run, known.get(run.name), best && run.variant === best.title ? outcome(run.name) : undefined)
    ),
    trials: listed,
    importance: scored.length < FEWEST ? [] : importances(file.space, scored, metric),
    ...(best &&
      {
        best: {
          trial: best.number,
          parameters: best.parameters,
          ...testOf(experiment, best, runsOf(sweep, best), outcome),
        },
      }),
  };
}

function testOf(
  experiment: ExperimentFile,
  { title }: Trial,
  runs: readonly SettledRun[],
  outcome: (run: string) => Outcome | undefined,
): { test?: Table } {
  const measured = runs.map((run) => ({ ...run, measured: outcome(run.name)?.measured }));
  if (measured.some((run) => run.measured === undefined)) return {};
  const shown: readonly string[] = [runs[0]!.config.training.metric, ...SHOWN];
  const measures = (Object.keys(measured[0]!.measured!) as Measure[]).filter((key) => shown.includes(key));
  return {
    test: fillTable(
      {
        title: "Test of the best trial",
        variants: [title],
        labels: {},
        columns: ["head"],
        measures,
      },
      experiment,
      measured,
    ),
  };
}

function listedRun(
  { name, variant, config, seed, fold }: SettledRun,
  known: KnownRun | undefined,
  outcome: Outcome | undefined,
): ListedRun {
  const { failure, records = [] } = known ?? {};
  return {
    ...{ name, path: name, variant, levels: {}, group: variant, method: config.method, seed },
    ...(fold !== undefined && { fold }),
    status: failure !== undefined ? "failed" : records.length > 0 ? "finished" : "open",
    ...(failure !== undefined && { message: failure }),
    ...(outcome?.measured.accuracy && { accuracy: outcome.measured.accuracy }),
  };
}
