/** Makes runs that were planned, one after another on one device. */
import { openDevice } from "../app/open_device.ts";
import { withRestarts } from "../app/restarts.ts";
import { Work } from "../app/work.ts";
import { firstCause } from "../base/first_cause.ts";
import { Interrupted } from "../base/interrupt.ts";
import { UserError } from "../base/user_error.ts";
import type { RunConfig } from "../config/run_config.ts";
import type { Fault } from "../data/index/sample_index.ts";
import { RankMissing } from "../distributed/collective.ts";
import { fewSamples } from "../experiments/dry_run.ts";
import type { RunsFolder } from "../experiments/experiment_folder.ts";
import { AdapterError } from "../gpu/adapter.ts";
import type { Gpu } from "../gpu/gpu.ts";
import { reason } from "../io/file_bytes.ts";
import { DownloadBar } from "../report/download_bar.ts";
import type { Observer } from "../runs/records.ts";
import { findFaults } from "./data.ts";
import type { ReadyRun, RunsFlags } from "./planned_runs.ts";

/** How far a run is made: trained up to this epoch; if not given, trained to its end and tested. */
export interface Goal {
  readonly until?: number;
}

/** Why a run was not made. */
export interface Failure {
  /** One line. */
  readonly message: string;
  /** Whether it would fail in the same way again. */
  readonly comesAgain: boolean;
}

/** Why the error kept a run from being made. Throws what keeps all runs from it. */
export function failureOf(thrown: unknown): Failure {
  const error = firstCause(thrown);
  if (error instanceof Interrupted) {
    throw new Interrupted("stopped, and all is saved; the same command goes on");
  }
  if (error instanceof AdapterError || error instanceof RankMissing) throw error;
  const message = reason(error).trim().replaceAll(/\s*\n\s*/g, " ");
  return { message, comesAgain: error instanceof UserError };
}

/** Makes runs of a folder. */
export interface Maker extends Disposable {
  /** How many it makes at once. */
  readonly jobs: number;
  /**
   * Makes a run, new or begun; gives why it could not, if so. Rejects with what keeps all runs from being made: an
   * `AdapterError`, or `Interrupted` once the signal is raised.
   */
  make(run: ReadyRun, goal: Goal, signal: AbortSignal): Promise<Failure | undefined>;
}

/** Makes runs in this thread, one at a time. They share a device with all that is compiled for it. */
export class RunMaker implements Maker {
  readonly jobs = 1;
  readonly #folder: RunsFolder;
  readonly #observer: Observer;
  readonly #flags: RunsFlags;
  #gpu: Gpu | undefined;
  /** The faults of data sets that are trained on without them. */
  readonly #faults = new Map<string, Promise<readonly Fault[]>>();

  constructor(folder: RunsFolder, observer: Observer, flags: RunsFlags) {
    this.#folder = folder;
    this.#observer = observer;
    this.#flags = flags;
  }

  async make(run: ReadyRun, { until }: Goal, signal: AbortSignal): Promise<Failure | undefined> {
    try {
      await this.#work(
        run,
        (work) => until === undefined ? work.trainAndTest(signal) : work.trainUntil(until, signal),
      );
      return undefined;
    } catch (error) {
      const failure = failureOf(error);
      // Who knows in what state the device is: the next run gets a new one.
      this.#endDevice();
      this.#observer.note(`Failed      ${failure.message}`);
      if (this.#flags.debug) this.#observer.note(Deno.inspect(error));
      return failure;
    }
  }

  /** Calls `body` again, on another device, where one is lost that may be replaced. */
  async #work(run: ReadyRun, body: (work: Work) => Promise<unknown>): Promise<void> {
    const note = (message: string) => this.#observer.note(message);
    const { restarts = 0, dryRun } = this.#flags;
    const out = this.#folder.pathOf(run.name);
    await withRestarts({ restarts, note }, async (restarted) => {
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
      await body(work);
    });
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
