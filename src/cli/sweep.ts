/** `unis sweep` */
import { basename, extname, join } from "node:path";
import { CheckFailed } from "../app/errors.ts";
import { Stop } from "../app/stop.ts";
import { Interrupted, pause } from "../base/interrupt.ts";
import { UserError } from "../base/user_error.ts";
import { settingsOf, settingText } from "../config/config_file.ts";
import { textOf } from "../config/run_config.ts";
import { PRESETS } from "../config/presets.ts";
import { ExperimentFolder } from "../experiments/experiment_folder.ts";
import { rungsOf } from "../experiments/halving.ts";
import { planRuns } from "../experiments/plan_runs.ts";
import { type Outcome, outcomeOf } from "../experiments/results.ts";
import { readSweep, type SweepFile } from "../experiments/sweep_file.ts";
import {
  type KnownRun,
  metricOf,
  progressOf,
  runsOf,
  type Sweep,
  type SweepResults,
  sweepResults,
} from "../experiments/sweep_results.ts";
import { asExperiment, drawTrials, type Trial } from "../experiments/trials.ts";
import { BEST, writeSweep } from "../experiments/write_sweep.ts";
import { exists, readJson } from "../io/files.ts";
import { writeJsonFile } from "../io/json_file.ts";
import { METRICS } from "../metrics/chosen_metric.ts";
import type { ConsoleObserver } from "../report/console.ts";
import { DownloadBar } from "../report/download_bar.ts";
import { output } from "../report/output.ts";
import {
  overridesOf,
  QuietObserver,
  readBase,
  type ReadyRun,
  type RunsFlags,
  settle,
  timeText,
} from "./planned_runs.ts";
import { type Lane, sharingRuns } from "./run_lanes.ts";
import type { Failure, Maker } from "./run_maker.ts";
import { eachOf, makerOf } from "./side_by_side.ts";

export interface SweepFlags extends RunsFlags {
  trials?: number;
  strategy?: SweepFile["strategy"];
}

/** A sweep with the pretrained encoders of its runs at hand. */
interface ReadySweep extends Sweep {
  readonly runs: readonly ReadyRun[];
}

/** Why runs failed in ways that they would fail again, by their names. */
const FAILURES = "failures.json";

/**
 * Trains the trials of a sweep that are not there yet, which ranks share out, and tests the best. Throws `CheckFailed` where
 * none can be trained, and `Interrupted` where Ctrl-C ended it early; the same command then goes on.
 */
export function sweep(path: string, flags: SweepFlags): Promise<void> {
  return sharingRuns(flags, (lanes) => sweepIn(lanes, path, flags));
}

async function sweepIn(lanes: readonly (() => Lane)[], path: string, flags: SweepFlags): Promise<void> {
  const observer = new QuietObserver();
  const ready = await prepare(path, flags, new DownloadBar((message) => observer.note(message)));
  const { space, draw_seed } = ready.file;
  const out = flags.dryRun
    ? Deno.makeTempDirSync({ prefix: "unis-dry-run-" })
    : flags.out ?? join("runs", basename(path, extname(path)));
  try {
    using folder = ExperimentFolder.open(out, ready.runs, path, { space, draw_seed });
    using work = new Sweeping(ready, folder, observer, makerOf(folder, observer, flags, lanes));
    const results = await work.make();
    output.result(`\n${writeSweep(out, results)}`);
    const failed = results.trials.filter(({ failure }) => failure !== undefined);
    if (results.best === undefined) {
      throw new CheckFailed(`all ${failed.length} trials failed; the first: ${failed[0]!.failure}`);
    }
    if (flags.dryRun) {
      observer.note(
        `Dry run     ${
          results.trials.length - failed.length
        } of ${results.trials.length} trials trained, and the best was tested`,
      );
    } else {
      observer.note(
        `Results     ${join(out, "results.md")}, .json; trials.csv; unis train --config ${join(out, BEST)}`,
      );
    }
  } finally {
    if (flags.dryRun) Deno.removeSync(out, { recursive: true });
  }
}

/** Draws the trials and settles their configurations, so that what is wrong is told before anything is trained. */
async function prepare(path: string, flags: SweepFlags, downloads: DownloadBar): Promise<ReadySweep> {
  const overrides = overridesOf(flags);
  const read = readSweep(path);
  const file = { ...read, trials: flags.trials ?? read.trials, strategy: flags.strategy ?? read.strategy };
  for (const key of overrides.settings.map((setting) => textOf(setting).split("=")[0]!)) {
    if (key in file.space) throw new UserError(`--set ${key} cannot be used with ${path}, which draws it`);
  }
  const trials = drawTrials(file, file.trials);
  const experiment = asExperiment(file, trials, methodOf(file, path), path);
  const planned = planRuns(experiment, path, overrides);
  const runs = await settle(file, path, planned, flags, downloads, ({ variant }) => variant);
  mustTellTrialsApart(file, runs, path);
  const epochs = Math.max(...runs.map(({ config }) => config.training.epochs));
  return { file, experiment, trials, runs, rungs: rungsOf(file, epochs) };
}

/** The method of trials that draw none: what is said of it last. */
function methodOf({ method, set, config }: SweepFile, source: string): string {
  const base = readBase(config, source);
  const own = settingsOf(set).map(([key, value]) => settingText(key, value));
  const said = [...base?.settings.map(textOf) ?? [], ...own].findLast((text) => text.startsWith("method="));
  return method ?? (said && String(JSON.parse(said.slice("method=".length)))) ??
    (base?.whole ?? PRESETS.emoji).method;
}

/** Throws a UserError where validation does not say at the first rung which trials are better. */
function mustTellTrialsApart(
  { strategy, halving }: SweepFile,
  runs: readonly ReadyRun[],
  source: string,
): void {
  for (const { config: { data, training } } of runs) {
    if (data.name === "features" && data.validation_share === 0) {
      throw new UserError(
        `${source}: "data.validation_share" must be above 0: trials are compared on the validation split`,
      );
    }
    const { validation_after, epochs } = training;
    if (strategy === "halving" && Math.min(halving.min_epochs, epochs) <= validation_after) {
      throw new UserError(
        `${source}: "halving.min_epochs" must be above "training.validation_after", got ${halving.min_epochs} and ${validation_after}`,
      );
    }
  }
}

class Sweeping implements Disposable {
  readonly #sweep: ReadySweep;
  readonly #folder: ExperimentFolder;
  readonly #observer: ConsoleObserver;
  readonly #maker: Maker;
  readonly #known = new Map<string, KnownRun>();
  /** Those that would come again. */
  readonly #failures: Record<string, string>;

  constructor(sweep: ReadySweep, folder: ExperimentFolder, observer: ConsoleObserver, maker: Maker) {
    this.#sweep = sweep;
    this.#folder = folder;
    this.#observer = observer;
    this.#maker = maker;
    const file = join(folder.path, FAILURES);
    this.#failures = exists(file) ? readJson(file) as Record<string, string> : {};
    for (const { name } of sweep.runs) {
      const records = folder.begun(name)?.records() ?? [];
      this.#known.set(name, { records, failure: this.#failures[name] });
    }
  }

  /** Trains rung by rung, and tests the best. Results are written after every trial, so that one can look at them meanwhile. */
  async make(): Promise<SweepResults> {
    using stop = new Stop((message) => this.#observer.note(message));
    for (let due = this.#due(); due.length > 0; due = this.#due()) {
      await eachOf(due, this.#maker.jobs, async ({ trial, rung, place, count }) => {
        this.#observer.note(this.#lineOf(trial, rung, place, count));
        await this.#train(trial, this.#sweep.rungs[rung]!, stop);
        writeSweep(this.#folder.path, this.#results());
      });
    }
    await this.#testBest(stop);
    return this.#results();
  }

  [Symbol.dispose](): void {
    this.#maker[Symbol.dispose]();
  }

  /** The trials of the last rung so far that are yet to be trained up to it, with their places among all that are there. */
  #due() {
    const progress = progressOf(this.#sweep, this.#known);
    const rung = progress.length - 1;
    const standings = [...progress[rung]!.standings];
    return standings.flatMap(([number, standing], i) => {
      const place = { trial: this.#sweep.trials[number - 1]!, rung, place: i + 1, count: standings.length };
      return standing === undefined ? [place] : [];
    });
  }

  /** Trains all runs of a trial up to a rung, unless one fails. */
  async #train(trial: Trial, epochs: number, stop: Stop): Promise<void> {
    const metric = metricOf(this.#sweep);
    for (const run of runsOf(this.#sweep, trial) as ReadyRun[]) {
      const failure = await this.#maker.make(run, { until: epochs }, stop.signal);
      const begun = this.#folder.begun(run.name);
      this.#known.set(run.name, { records: begun?.records() ?? [], failure: failure?.message });
      if (failure !== undefined) return this.#keepFailure(run, failure);
      const { score } = begun!.checkpoints.lastState()!.best!;
      const whose = this.#maker.jobs > 1 ? `${run.name}: ` : "";
      this.#observer.note(`${whose}Validation  ${METRICS[metric].title} ${score.toFixed(4)}`);
      await pause();
      if (stop.signal.aborted) throw new Interrupted("stopped between two runs; the same command goes on");
    }
  }

  #keepFailure({ name }: ReadyRun, { message, comesAgain }: Failure): void {
    if (!comesAgain) return;
    this.#failures[name] = message;
    writeJsonFile(join(this.#folder.path, FAILURES), this.#failures);
  }

  /** Trains what is left of the best, in case that others failed before it was its turn, tests it, and writes its configuration. */
  async #testBest(stop: Stop): Promise<void> {
    const { best } = this.#results();
    if (best === undefined) return;
    const runs = runsOf(this.#sweep, this.#sweep.trials[best.trial - 1]!) as ReadyRun[];
    for (const run of runs) {
      if (this.#folder.open(run.name).evaluation() !== undefined) continue;
      this.#observer.note(`Testing trial ${best.trial}, seed ${run.seed}`);
      const failure = await this.#maker.make(run, {}, stop.signal);
      if (failure !== undefined) {
        throw new CheckFailed(`the best, trial ${best.trial}, was not tested: ${failure.message}`);
      }
    }
    writeJsonFile(join(this.#folder.path, BEST), this.#folder.open(runs[0]!.name).config);
  }

  #results(): SweepResults {
    return sweepResults(this.#sweep, this.#known, (name) => this.#outcomeOf(name));
  }

  #outcomeOf(name: string): Outcome | undefined {
    const run = this.#folder.begun(name);
    return run?.evaluation() === undefined ? undefined : outcomeOf(run);
  }

  /** `Epochs 1 to 3, trial 12 (5 of 6): optimizer.head_learning_rate=0.0013; 12 min left` */
  #lineOf({ number, parameters }: Trial, rung: number, place: number, count: number): string {
    const { rungs } = this.#sweep;
    const [first, last] = [(rungs[rung - 1] ?? 0) + 1, rungs[rung]!];
    const epochs = first === last ? `Epoch ${first}` : `Epochs ${first} to ${last}`;
    const drawn = Object.entries(parameters).map(([key, value]) =>
      `${key}=${typeof value === "number" ? Number(value.toPrecision(4)) : JSON.stringify(value)}`
    );
    const left = this.#secondsLeft(rung, place);
    const time = left === undefined ? "" : `; ${timeText(left)} left`;
    return `${epochs}, trial ${number} (${place} of ${count}): ${drawn.join(", ")}${time}`;
  }

  /** If epochs go on to take what they took so far; undefined where there was none. */
  #secondsLeft(rung: number, place: number): number | undefined {
    const { rungs, trials, runs, file } = this.#sweep;
    const records = [...this.#known.values()].flatMap(({ records }) => records);
    const epochs = [...this.#known.values()].reduce(
      (sum, { records }) => sum + (records.at(-1)?.epoch ?? 0),
      0,
    );
    if (epochs === 0) return undefined;
    const perEpoch = records.reduce((sum, { seconds }) => sum + seconds, 0) / epochs;
    const left = rungs.reduce((sum, end, i) => {
      const going = Math.max(1, Math.floor(trials.length / file.halving.eta ** i));
      const open = i < rung ? 0 : i === rung ? going - place + 1 : going;
      return sum + open * (end - (rungs[i - 1] ?? 0));
    }, 0);
    return left * perEpoch * runs.length / trials.length / this.#maker.jobs;
  }
}
