/** `unis experiment` */
import { wantedEncoders } from "./choose_config.ts";
import { basename, extname, join } from "node:path";
import type { Fault } from "../data/index/sample_index.ts";
import { AdapterError } from "../gpu/adapter.ts";
import type { Gpu } from "../gpu/gpu.ts";
import { reason } from "../io/file_bytes.ts";
import { UserError } from "../base/user_error.ts";
import { ConsoleObserver } from "../report/console.ts";
import { DownloadBar } from "../report/download_bar.ts";
import { output } from "../report/output.ts";
import { formatShare } from "../report/units.ts";
import { type RunConfig, withSettings } from "../config/run_config.ts";
import { DRY_SETTINGS, fewSamples } from "../experiments/dry_run.ts";
import { type ExperimentFile, readExperiment } from "../experiments/experiment_file.ts";
import { ExperimentFolder, type SettledRun } from "../experiments/experiment_folder.ts";
import { type PlannedRun, planRuns } from "../experiments/plan_runs.ts";
import { type Outcome, outcomeOf, type Results, resultsOf } from "../experiments/results.ts";
import { writeResults } from "../experiments/write_results.ts";
import { Interrupted, pause } from "../base/interrupt.ts";
import { choosePretrained, type Chosen, findPretrained } from "../build/pretrained.ts";
import { findFaults } from "./data.ts";
import { type DeviceChoice, openDevice } from "../app/open_device.ts";
import { CheckFailed } from "../app/errors.ts";
import { withRestarts } from "../app/restarts.ts";
import { Stop } from "../app/stop.ts";
import { beginningOf, Work } from "../app/work.ts";

export interface ExperimentFlags extends DeviceChoice {
  dryRun?: boolean;
  out?: string;
  data?: string;
  imageEncoder?: string;
  jointEncoder?: string;
  textEncoder?: string;
  set?: string[];
  restarts?: number;
  debug?: boolean;
}

/** A run with its pretrained encoders at hand. */
type ReadyRun = SettledRun & Chosen;

/** Shows an experiment: each run has a bar, or a line now and then, and the rest is in its folder. */
class QuietObserver extends ConsoleObserver {
  override planned(): void {}
  override measured(): void {}
  override epochEnded(): void {}
}

/**
 * Makes all runs of an experiment that are not there yet, and the tables. Throws `CheckFailed` where runs failed, and
 * `Interrupted` where Ctrl-C ended it early; the same command then goes on.
 */
export async function experiment(path: string, flags: ExperimentFlags): Promise<void> {
  if (flags.dryRun && flags.out !== undefined) {
    throw new UserError("--out cannot be used with --dry-run, whose runs are not kept");
  }
  const file = readExperiment(path);
  const observer = new QuietObserver();
  const planned = planRuns(file, path, overridesOf(flags));
  const runs = await settle(file, path, planned, flags, new DownloadBar((message) => observer.note(message)));
  const out = flags.dryRun
    ? Deno.makeTempDirSync({ prefix: "unis-dry-run-" })
    : flags.out ?? join("runs", basename(path, extname(path)));
  try {
    using folder = ExperimentFolder.open(out, runs, path);
    using work = new Experiment(file, runs, folder, observer, flags);
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

function overridesOf({ set = [], dryRun, ...flags }: ExperimentFlags) {
  return { encoders: wantedEncoders(flags), settings: [...set, ...(dryRun ? DRY_SETTINGS : [])] };
}

/** The configurations of all runs, so that what is wrong in the file is told before anything is trained. */
async function settle(
  { preset, data, skip_bad }: ExperimentFile,
  source: string,
  planned: readonly PlannedRun[],
  flags: ExperimentFlags,
  downloads: DownloadBar,
): Promise<ReadyRun[]> {
  const chosenBefore = new Map<string, Promise<Chosen>>();
  const ready: ReadyRun[] = [];
  for (const run of planned) {
    const beginning = beginningOf(preset, flags.data ?? data, run.settings).config;
    const key = JSON.stringify([beginning, run.encoders]);
    const chosen = chosenBefore.get(key) ?? choosePretrained(beginning, run.encoders, downloads);
    chosenBefore.set(key, chosen);
    const { config, folders } = await chosen;
    const settled = withSettings(config, run.settings, `${source}, variant ${run.variant}`);
    const all = await findPretrained(settled, downloads, { known: folders, withInputs: true });
    ready.push({ ...run, config: settled, folders: all, skipBad: skip_bad });
  }
  return ready;
}

class Experiment implements Disposable {
  readonly #file: ExperimentFile;
  readonly #runs: readonly ReadyRun[];
  readonly #folder: ExperimentFolder;
  readonly #observer: ConsoleObserver;
  readonly #flags: ExperimentFlags;
  #gpu: Gpu | undefined;
  readonly #outcomes = new Map<string, Outcome>();
  readonly #failures = new Map<string, string>();
  /** The faults of data sets that are trained on without them. */
  readonly #faults = new Map<string, Promise<readonly Fault[]>>();

  constructor(
    file: ExperimentFile,
    runs: readonly ReadyRun[],
    folder: ExperimentFolder,
    observer: ConsoleObserver,
    flags: ExperimentFlags,
  ) {
    this.#file = file;
    this.#runs = runs;
    this.#folder = folder;
    this.#observer = observer;
    this.#flags = flags;
  }

  /** Makes what is missing, in order. Results are written after every run, so that one can look at them meanwhile. */
  async make(): Promise<Results> {
    using stop = new Stop((message) => this.#observer.note(message));
    for (const [index, run] of this.#runs.entries()) {
      let isNew = true;
      try {
        isNew = this.#folder.begun(run.name)?.evaluation() === undefined;
        if (isNew) {
          this.#observer.note(this.#lineOf(run, index));
          await this.#makeRun(run, stop);
        }
        this.#keepOutcome(run.name);
      } catch (error) {
        if (error instanceof Interrupted) {
          throw new Interrupted("stopped, and all is saved; the same command goes on");
        }
        // Without an adapter, no run can be made.
        if (error instanceof AdapterError) throw error;
        this.#fail(run, error);
      }
      await pause();
      if (stop.signal.aborted) throw new Interrupted("stopped between two runs; the same command goes on");
      // Of what was there before, the results are there as well.
      if (isNew) writeResults(this.#folder.path, this.#results());
    }
    return this.#results();
  }

  [Symbol.dispose](): void {
    this.#gpu?.destroy();
  }

  async #makeRun(run: ReadyRun, stop: Stop): Promise<void> {
    const { dryRun } = this.#flags;
    const note = (message: string) => this.#observer.note(message);
    const out = this.#folder.pathOf(run.name);
    const { accuracy } = await withRestarts(
      { restarts: this.#flags.restarts ?? 0, note },
      async (restarted) => {
        if (restarted > 0) this.#endDevice();
        // Runs share the device with all that is compiled for it, and each finds it with nothing on it.
        const device = this.#gpu ??= await openDevice(this.#flags, note);
        device.trim();
        const begun = this.#folder.begun(run.name);
        using work = await Work.begin(begun ?? { config: run.config, folders: run.folders, out }, {
          device,
          observer: this.#observer,
          downloads: new DownloadBar(note),
          ...(run.skipBad && { findFaults: (config, note) => this.#faultsOf(config, note) }),
          ...(dryRun && { limit: fewSamples }),
        });
        return await work.trainAndTest(stop.signal);
      },
    );
    const heads = Object.entries(accuracy).map(([head, share]) => `${head} ${formatShare(share)}`);
    this.#observer.note(`Test        accuracy ${heads.join(", ")}`);
  }

  #keepOutcome(name: string): void {
    const { measured, predictions: { ids, correct } } = outcomeOf(this.#folder.open(name));
    // Test samples are the same in all runs, as a rule: their names are kept once.
    const known = [...this.#outcomes.values()].find(({ predictions }) => sameNames(predictions.ids, ids));
    this.#outcomes.set(name, { measured, predictions: { ids: known?.predictions.ids ?? ids, correct } });
  }

  #fail(run: ReadyRun, error: unknown): void {
    // Who knows in what state it is: the next run gets a new one.
    this.#endDevice();
    const message = reason(error).trim().replaceAll(/\s*\n\s*/g, " ");
    this.#failures.set(run.name, message);
    this.#observer.note(`Failed      ${message}`);
    if (this.#flags.debug) this.#observer.note(Deno.inspect(error));
  }

  #endDevice(): void {
    this.#gpu?.destroy();
    this.#gpu = undefined;
  }

  #faultsOf(config: RunConfig, note: (message: string) => void): Promise<readonly Fault[]> {
    // What a text is, and so whether it is empty, may depend on the kind of its encoder.
    const kinds = Object.entries(config.model.encoders).map(([name, { model_type }]) => [name, model_type]);
    const key = JSON.stringify([config.data, kinds]);
    const found = this.#faults.get(key) ?? findFaults(config, note);
    this.#faults.set(key, found);
    return found;
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
    return mean * (this.#runs.length - index);
  }
}

function sameNames(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name, i) => name === b[i]);
}

/** `40 s`, `12 min`, `3 h 20 min` */
function timeText(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
