/** `unis experiment` */
import { basename, extname, join } from "node:path";
import type { Evaluation } from "../runs/records.ts";
import type { ConsoleObserver } from "../report/console.ts";
import { DownloadBar } from "../report/download_bar.ts";
import { output } from "../report/output.ts";
import { formatShare } from "../report/units.ts";
import { type ExperimentFile, readExperiment } from "../experiments/experiment_file.ts";
import { ExperimentFolder } from "../experiments/experiment_folder.ts";
import { planRuns } from "../experiments/plan_runs.ts";
import { type Outcome, outcomeOf, type Results, resultsOf } from "../experiments/results.ts";
import { writeResults } from "../experiments/write_results.ts";
import { Interrupted, pause } from "../base/interrupt.ts";
import { CheckFailed } from "../app/errors.ts";
import { Stop } from "../app/stop.ts";
import {
  overridesOf,
  QuietObserver,
  type ReadyRun,
  type RunsFlags,
  settle,
  timeText,
} from "./planned_runs.ts";
import { type Lane, sharingRuns } from "./run_lanes.ts";
import { failureOf, type Maker } from "./run_maker.ts";
import { eachOf, makerOf } from "./side_by_side.ts";

/**
 * Makes all runs of an experiment that are not there yet, which ranks share out, and the tables. Throws `CheckFailed` where runs
 * failed, and `Interrupted` where Ctrl-C ended it early; the same command then goes on.
 */
export function experiment(path: string, flags: RunsFlags): Promise<void> {
  return sharingRuns(flags, (lanes) => experimentIn(lanes, path, flags));
}

async function experimentIn(lanes: readonly (() => Lane)[], path: string, flags: RunsFlags): Promise<void> {
  const overrides = overridesOf(flags);
  const file = readExperiment(path);
  const observer = new QuietObserver();
  const planned = planRuns(file, path, overrides);
  const runs = await settle(file, path, planned, flags, new DownloadBar((message) => observer.note(message)));
  const out = flags.dryRun
    ? Deno.makeTempDirSync({ prefix: "unis-dry-run-" })
    : flags.out ?? join("runs", basename(path, extname(path)));
  try {
    using folder = ExperimentFolder.open(out, runs, path);
    using work = new Experiment(file, runs, folder, {
      observer,
      maker: makerOf(folder, observer, flags, lanes),
    });
    const results = await work.make();
    output.result(`\n${writeResults(out, results)}`);
    if (!flags.dryRun) {
      observer.note(`Results     ${join(out, "results.md")}, .json and .csv; comparison.csv`);
    }
    const failed = results.runs.filter(({ status }) => status === "failed");
    if (failed.length > 0) {
      const again = flags.dryRun ? "" : "; the same command tries them again";
      throw new CheckFailed(
        `${failed.length} of ${runs.length} runs failed: ${
          failed.map(({ name }) => name).join(", ")
        }${again}`,
      );
    }
    if (flags.dryRun) observer.note(`Dry run     all ${runs.length} runs trained, were tested and reported`);
  } finally {
    if (flags.dryRun) Deno.removeSync(out, { recursive: true });
  }
}

class Experiment implements Disposable {
  readonly #file: ExperimentFile;
  readonly #runs: readonly ReadyRun[];
  readonly #folder: ExperimentFolder;
  readonly #observer: ConsoleObserver;
  readonly #maker: Maker;
  readonly #outcomes = new Map<string, Outcome>();
  readonly #failures = new Map<string, string>();

  constructor(
    file: ExperimentFile,
    runs: readonly ReadyRun[],
    folder: ExperimentFolder,
    { observer, maker }: { observer: ConsoleObserver; maker: Maker },
  ) {
    this.#file = file;
    this.#runs = runs;
    this.#folder = folder;
    this.#observer = observer;
    this.#maker = maker;
  }

  /** Makes what is missing, in order. Results are written after every run, so that one can look at them meanwhile. */
  async make(): Promise<Results> {
    using stop = new Stop((message) => this.#observer.note(message));
    await eachOf(this.#runs, this.#maker.jobs, async (run, index) => {
      let isNew = true;
      try {
        isNew = this.#evaluationOf(run) === undefined;
        if (isNew) await this.#makeRun(run, index, stop.signal);
        if (!this.#failures.has(run.name)) this.#keepOutcome(run.name);
      } catch (error) {
        this.#failures.set(run.name, failureOf(error).message);
      }
      await pause();
      if (stop.signal.aborted) throw new Interrupted("stopped between two runs; the same command goes on");
      // Of what was there before, the results are there as well.
      if (isNew) writeResults(this.#folder.path, this.#results());
    });
    return this.#results();
  }

  [Symbol.dispose](): void {
    this.#maker[Symbol.dispose]();
  }

  #evaluationOf({ name }: ReadyRun): Evaluation | undefined {
    return this.#folder.begun(name)?.evaluation();
  }

  async #makeRun(run: ReadyRun, index: number, signal: AbortSignal): Promise<void> {
    this.#observer.note(this.#lineOf(run, index));
    const failure = await this.#maker.make(run, {}, signal);
    if (failure !== undefined) return void this.#failures.set(run.name, failure.message);
    const { accuracy } = this.#evaluationOf(run)!;
    const heads = Object.entries(accuracy).map(([head, share]) => `${head} ${formatShare(share)}`);
    const whose = this.#maker.jobs > 1 ? `${run.name}: ` : "";
    this.#observer.note(`${whose}Test        accuracy ${heads.join(", ")}`);
  }

  #keepOutcome(name: string): void {
    const { measured, predictions: { ids, correct } } = outcomeOf(this.#folder.open(name));
    // Test samples are the same in all runs, as a rule: their names are kept once.
    const known = [...this.#outcomes.values()].find(({ predictions }) => sameNames(predictions.ids, ids));
    this.#outcomes.set(name, { measured, predictions: { ids: known?.predictions.ids ?? ids, correct } });
  }

  #results(): Results {
    return resultsOf(this.#file, this.#runs, this.#outcomes, this.#failures);
  }

  /** `Run 3 of 27: UniS-MMC, Headline, seed 1; 12 min left` */
  #lineOf({ variant, levels, seed, fold }: ReadyRun, index: number): string {
    const ofFold = fold === undefined ? [] : [`fold ${fold}`];
    const what = [variant, ...Object.values(levels), `seed ${seed}`, ...ofFold].join(", ");
    const left = this.#secondsLeft(index);
    const time = left === undefined ? "" : `; ${timeText(left)} left`;
    return `Run ${index + 1} of ${this.#runs.length}: ${what}${time}`;
  }

  /** If the runs that are left take as long as the others did; undefined where there is none. */
  #secondsLeft(index: number): number | undefined {
    const spent = this.#runs.filter(({ name }) => this.#outcomes.has(name)).map(({ name }) =>
      this.#folder.open(name).environment()?.sessions.reduce((sum, { seconds }) => sum + seconds, 0) ?? 0
    );
    if (spent.length === 0) return undefined;
    const mean = spent.reduce((sum, seconds) => sum + seconds, 0) / spent.length;
    return mean * (this.#runs.length - index) / this.#maker.jobs;
  }
}

function sameNames(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name, i) => name === b[i]);
}
