/** Makes runs that were planned, one after another on one device: what `unis experiment` and `unis sweep` share. */
import { dirname, resolve } from "node:path";
import { Interrupted } from "../base/interrupt.ts";
import { UserError } from "../base/user_error.ts";
import { type DeviceChoice, openDevice } from "../app/open_device.ts";
import { withRestarts } from "../app/restarts.ts";
import { beginningOf, Work } from "../app/work.ts";
import { choosePretrained, type Chosen, findPretrained } from "../build/pretrained.ts";
import { type ConfigFile, movedTo, readConfigFile } from "../config/config_file.ts";
import { type RunConfig, withSettings } from "../config/run_config.ts";
import type { Fault } from "../data/index/sample_index.ts";
import { DRY_SETTINGS, fewSamples } from "../experiments/dry_run.ts";
import type { ExperimentFile } from "../experiments/experiment_file.ts";
import type { ExperimentFolder, SettledRun } from "../experiments/experiment_folder.ts";
import type { Overrides, PlannedRun } from "../experiments/plan_runs.ts";
import { AdapterError } from "../gpu/adapter.ts";
import type { Gpu } from "../gpu/gpu.ts";
import { reason } from "../io/file_bytes.ts";
import { ConsoleObserver } from "../report/console.ts";
import { DownloadBar } from "../report/download_bar.ts";
import { wantedEncoders } from "./choose_config.ts";
import { findFaults } from "./data.ts";

/** Flags that change all runs, or how they are made. */
export interface RunsFlags extends DeviceChoice {
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
export type ReadyRun = SettledRun & Chosen;

/** Shows many runs: each has a bar, or a line now and then, and the rest is in its folder. */
export class QuietObserver extends ConsoleObserver {
  override planned(): void {}
  override measured(): void {}
  override epochEnded(): void {}
}

/** What the command line changes in all runs. Throws a UserError for a folder of runs that are not kept. */
export function overridesOf({ set = [], dryRun, out, ...flags }: RunsFlags): Overrides {
  if (dryRun && out !== undefined) {
    throw new UserError("--out cannot be used with --dry-run, whose runs are not kept");
  }
  return { encoders: wantedEncoders(flags), settings: [...set, ...(dryRun ? DRY_SETTINGS : [])] };
}

/** The file of a configuration that the file `source` names, if it does. */
export function readBase(config: string | undefined, source: string): ConfigFile | undefined {
  return config === undefined ? undefined : readConfigFile(resolve(dirname(source), config));
}

/** What the file of an experiment or of a sweep says of all its runs. */
type Base = Pick<ExperimentFile, "config" | "preset" | "data" | "skip_bad">;

/** The configurations of all runs, so that what is wrong in the file is told before anything is trained. */
export async function settle(
  { config: configPath, preset, data, skip_bad }: Base,
  source: string,
  planned: readonly PlannedRun[],
  flags: RunsFlags,
  downloads: DownloadBar,
): Promise<ReadyRun[]> {
  const base = readBase(configPath, source);
  const chosenBefore = new Map<string, Promise<Chosen>>();
  const ready: ReadyRun[] = [];
  for (const run of planned) {
    const settings = [...base?.settings ?? [], ...run.settings];
    const beginning = base?.whole
      ? movedTo(base.whole, flags.data ?? data)
      : beginningOf(preset, flags.data ?? data ?? base?.data, settings).config;
    const key = JSON.stringify([beginning, run.encoders]);
    const chosen = chosenBefore.get(key) ?? choosePretrained(beginning, run.encoders, downloads);
    chosenBefore.set(key, chosen);
    const { config, folders } = await chosen;
    const settled = withSettings(config, settings, `${source}, variant ${run.variant}`);
    const all = await findPretrained(settled, downloads, { known: folders, withInputs: true });
    ready.push({ ...run, config: settled, folders: all, skipBad: skip_bad });
  }
  return ready;
}

/** Works on the runs of a folder, one at a time. They share a device with all that is compiled for it. */
export class RunMaker implements Disposable {
  readonly #folder: ExperimentFolder;
  readonly #observer: ConsoleObserver;
  readonly #flags: RunsFlags;
  #gpu: Gpu | undefined;
  /** The faults of data sets that are trained on without them. */
  readonly #faults = new Map<string, Promise<readonly Fault[]>>();

  constructor(folder: ExperimentFolder, observer: ConsoleObserver, flags: RunsFlags) {
    this.#folder = folder;
    this.#observer = observer;
    this.#flags = flags;
  }

  /** What `body` makes of a run, new or begun; it is called again, on another device, where one is lost that may be replaced. */
  async make<T>(run: ReadyRun, body: (work: Work) => Promise<T>): Promise<T> {
    const note = (message: string) => this.#observer.note(message);
    const { restarts = 0, dryRun } = this.#flags;
    const out = this.#folder.pathOf(run.name);
    return await withRestarts({ restarts, note }, async (restarted) => {
      if (restarted > 0) this.#endDevice();
      const device = this.#gpu ??= await openDevice(this.#flags, note);
      // Each run finds the device with nothing on it.
      device.trim();
      const begun = this.#folder.begun(run.name);
      using work = await Work.begin(begun ?? { config: run.config, folders: run.folders, out }, {
        device,
        observer: this.#observer,
        downloads: new DownloadBar(note),
        ...(run.skipBad && { findFaults: (config, note) => this.#faultsOf(config, note) }),
        ...(dryRun && { limit: fewSamples }),
      });
      return await body(work);
    });
  }

  /** Tells why a run failed, in one line that it gives. Throws what keeps all runs from being made: no adapter, or Ctrl-C. */
  failed(error: unknown): string {
    if (error instanceof Interrupted) {
      throw new Interrupted("stopped, and all is saved; the same command goes on");
    }
    if (error instanceof AdapterError) throw error;
    // Who knows in what state the device is: the next run gets a new one.
    this.#endDevice();
    const message = reason(error).trim().replaceAll(/\s*\n\s*/g, " ");
    this.#observer.note(`Failed      ${message}`);
    if (this.#flags.debug) this.#observer.note(Deno.inspect(error));
    return message;
  }

  [Symbol.dispose](): void {
    this.#endDevice();
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
}

/** A time that is left: `40 s`, `12 min`, `3 h 20 min`. */
export function timeText(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
