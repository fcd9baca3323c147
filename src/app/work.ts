/** One stretch of work on a run, from its start or resumption to its end: what `train` and `experiment` share. */
import { join } from "node:path";
import type { Dataset } from "../data/dataset.ts";
import type { Fault } from "../data/index/sample_index.ts";
import { faultyRows } from "../data/index/verify.ts";
import type { DeviceKind } from "../gpu/adapter.ts";
import { DeviceLost, OutOfMemory, WrongResults } from "../gpu/device_errors.ts";
import { Gpu } from "../gpu/gpu.ts";
import type { DownloadProgress } from "../io/hub.ts";
import { UserError } from "../base/user_error.ts";
import { fitData } from "../build/load_dataset.ts";
import type { RunConfig, Setting } from "../config/run_config.ts";
import { dataPreset, parseDataChoice } from "../config/data_presets.ts";
import { METRICS } from "../metrics/chosen_metric.ts";
import { predictionsCsv } from "../runs/predictions.ts";
import { Learner } from "../train/learner.ts";
import { type PresetName, PRESETS } from "../config/presets.ts";
import { ALONE, type Collective } from "../distributed/collective.ts";
import { FollowedRun } from "../runs/followed_run.ts";
import { describePlans } from "../tuning/plan_cache.ts";
import { type Chosen, findPretrained, keepEncoderFiles } from "../build/pretrained.ts";
import { loadClassDistances, loadPretrained } from "../train/load_pretrained.ts";
import type { Evaluation, Observer } from "../runs/records.ts";
import type { TrainingState } from "../runs/run_checkpoints.ts";
import { RunFolder, type Session } from "../runs/run_folder.ts";
import { writeMeans } from "../runs/mean_representations.ts";
import { writePreprocessing } from "../runs/preprocessing.ts";
import { writeSkipped } from "../runs/skipped.ts";
import { evaluateBest } from "../train/evaluate_best.ts";
import { meanRepresentations } from "../train/mean_representations.ts";
import { train } from "../train/trainer.ts";
import { type DeviceChoice, openDevice } from "./open_device.ts";
import { mustNotShareDevices, processesOfRanks } from "./rank_devices.ts";
import { mustWorkAlike } from "./ranks.ts";
import { OpenRun } from "./open_run.ts";
import { formatEpoch } from "../report/units.ts";
import { describeShortage } from "./shortage.ts";
import type { StartUp } from "./start_up.ts";

/** A run that is to be made. */
export interface NewRun extends Chosen {
  readonly out: string;
}

export interface WorkOptions {
  /** The device, or which one to open for this work alone. */
  readonly device: DeviceKind | DeviceChoice | Gpu;
  readonly observer: Observer;
  readonly downloads: DownloadProgress;
  /** The times of the program so far, where the caller wants to know how long the first step took to come. */
  readonly startUp?: StartUp;
  /** Where a new run shall be trained without the faults of its data. */
  readonly findFaults?: (config: RunConfig, note: (message: string) => void) => Promise<readonly Fault[]>;
  /** True: a run that is resumed goes on with data that changed since it began, which it then owns. */
  readonly acceptChangedData?: boolean;
  /** Picks the part of the data that a run sees; it sees all of them if not given. */
  readonly limit?: (data: Dataset) => Dataset;
  /** The processes that do this work together; alone if not given. */
  readonly collective?: Collective;
}

/** The configuration to begin with and its name: that of the data where they are not the emoji. */
export function beginningOf(
  preset: PresetName | undefined,
  data: string | undefined,
  settings: readonly Setting[],
): { name: string; config: RunConfig } {
  const choice = data === undefined ? undefined : parseDataChoice(data);
  if (choice === undefined || choice.name === "emoji") {
    const name = preset ?? "emoji";
    return { name, config: PRESETS[name] };
  }
  if (preset !== undefined) {
    throw new UserError(`--preset is for the emoji: --data ${choice.name} has its own`);
  }
  return { name: choice.name, config: dataPreset(choice, settings) };
}

export class Work implements Disposable {
  readonly run: RunFolder;
  readonly data: Dataset;
  readonly learner: Learner;
  readonly #options: WorkOptions;
  readonly #session: Session;
  readonly #begin: number;
  /** Device, data, model and the run. */
  readonly #held = new DisposableStack();

  private constructor(
    run: RunFolder,
    data: Dataset,
    learner: Learner,
    { options, begin }: { options: WorkOptions; begin: number },
  ) {
    this.run = run;
    this.data = data;
    this.learner = learner;
    this.#options = options;
    this.#begin = begin;
    const plans = describePlans(learner.gpu);
    this.#session = {
      started: new Date(Date.now() - (performance.now() - begin)).toISOString(),
      adapter: learner.gpu.name,
      adapter_class: learner.gpu.adapterClass,
      seconds: 0,
      ...(plans && { tuned_plans: plans }),
      ...(learner.collective.size > 1 && { ranks: learner.collective.size }),
    };
  }

  /** Opens device, data and model, and makes the folder of a new run. Whoever calls must dispose the work. */
  static async begin(begun: NewRun | RunFolder, options: WorkOptions): Promise<Work> {
    const { device, observer, downloads, startUp, findFaults, limit = (data) => data, collective = ALONE } =
      options;
    const begin = performance.now();
    const resumed = begun instanceof RunFolder ? begun : undefined;
    const chosen = begun instanceof RunFolder ? undefined : begun;
    const { config } = begun;
    const note = (message: string) => observer.note(message);
    const isFirst = collective.rank === 0;
    using held = new DisposableStack();
    if (resumed) held.use(resumed.hold());
    const gpu = device instanceof Gpu ? device : await openDevice(device, note);
    if (gpu !== device) held.defer(() => gpu.destroy());
    await mustNotShareDevices(collective, gpu, note);
    startUp?.lap("device");
    const bad = resumed === undefined ? await findFaults?.(config, note) : undefined;
    const fitted = chosen &&
      await fitData(config, (modality) => chosen.folders.get(modality)!, note, faultyRows(bad ?? []));
    const opened = resumed &&
      await (await OpenRun.of(resumed)).openForTraining(options.acceptChangedData ?? false, note);
    const all = (fitted ?? opened)!.dataset;
    held.defer(() => all.close?.());
    const data = limit(all);
    startUp?.lap("data");
    const learner = new Learner(gpu, config, data, collective);
    held.defer(() => learner.dispose());
    learner.mustBeTrainable(data);
    // A run that was cut before it saved anything begins anew, from the pretrained weights where it has some.
    const isNew = resumed?.checkpoints.lastState() === undefined;
    const folders = chosen?.folders ??
      (isNew ? await findPretrained(config, downloads) : new Map<string, string>());
    await loadPretrained(learner, folders, note);
    if (isNew) await loadClassDistances(learner, data.classes, downloads, note);
    const kept = await fitted?.keep() ?? opened!.kept;
    await mustWorkAlike(learner, kept);
    if (chosen && isFirst) held.use(RunFolder.hold(chosen.out));
    const fill = (run: RunFolder) => {
      // Only now is it sure that a resumed run goes on, with as many epochs as it was given.
      if (resumed) run.writeConfig();
      if (chosen) keepEncoderFiles(run, chosen.folders);
      writePreprocessing(run, kept);
      if (bad !== undefined) writeSkipped(run, bad);
    };
    const run = resumed ??
      (isFirst
        ? RunFolder.create(chosen!.out, learner.config, fill)
        : FollowedRun.of(chosen!.out, learner.config));
    if (resumed) run.files.together(() => fill(run));
    if (bad !== undefined) {
      note(`Skipped     ${bad.length} samples or rows, listed in ${join(run.path, "skipped.csv")}`);
    }
    note(`Run         ${run.path}${resumed === undefined ? "" : " (resumed)"}`);
    if (collective.size > 1) {
      note(`Ranks       ${collective.size}, each with its share of every step`);
      note(`Processes   ${await processesOfRanks(collective)}`);
    }
    observer.planned(learner.plan(data));
    startUp?.lap("model");
    const work = new Work(run, data, learner, { options, begin });
    work.#writeSession();
    work.#held.use(held.move());
    return work;
  }

  /**
   * Trains what is left, then tests the weights and writes the results. `signal` ends it early by an `Interrupted`. Throws
   * `DeviceLost` and `WrongResults`, which say what is kept, and a UserError where there is no memory for it.
   */
  trainAndTest(signal: AbortSignal): Promise<Evaluation> {
    return this.#telling(async () => {
      const { epoch, ended, best } = await this.#train(signal);
      const { keep, metric } = this.learner.config.training;
      const chosen = keep === "last" ? "the last" : `the best by ${METRICS[metric].title}`;
      this.#options.observer.note(
        `Training ended after ${epoch} epochs (${ended}); ${chosen} was epoch ${formatEpoch(best!.epoch)}`,
      );
      return await this.#test(signal);
    });
  }

  /** Trains what is left of the first `until` epochs, and tests nothing. Ends early, and throws, as `trainAndTest` does. */
  trainUntil(until: number, signal: AbortSignal): Promise<TrainingState> {
    return this.#telling(() => this.#train(signal, until));
  }

  /** What `body` gives; its errors tell what is kept of the run, and what takes the memory. */
  async #telling<T>(body: () => Promise<T>): Promise<T> {
    try {
      return await body();
    } catch (error) {
      const { learner: { gpu, config }, data } = this;
      if (error instanceof OutOfMemory) {
        const shortage = describeShortage(error, gpu, config, data);
        const hasSaved = this.run.checkpoints.lastState() !== undefined;
        throw new UserError(hasSaved ? `${shortage}. ${this.#kept}` : shortage);
      }
      if (error instanceof WrongResults) {
        throw new WrongResults(
          `${error.message}. ${this.#kept}, when it was right. Try the card (its memory, heat, power, driver) or take another`,
        );
      }
      if (!(error instanceof DeviceLost)) throw error;
      this.#session.lost = error.message;
      throw new DeviceLost(`${error.message}. ${this.#kept}`);
    }
  }

  /** What a device that is lost leaves of the run. */
  get #kept(): string {
    const state = this.run.checkpoints.lastState();
    return state === undefined
      ? `No checkpoint of ${this.run.path} was due yet`
      : `Weights, moments and metrics of ${this.run.path} are kept up to step ${state.step}`;
  }

  #train(signal: AbortSignal, until = Infinity): Promise<TrainingState> {
    const { run, data, learner } = this;
    const { observer, startUp } = this.#options;
    const started = () => {
      if (startUp === undefined) return;
      startUp.lap("first step");
      this.#session.startup_seconds = Number(startUp.seconds.toFixed(1));
      observer.note(startUp.line);
    };
    return train({ learner, data, run, observer, signal, started, until });
  }

  async #test(signal: AbortSignal): Promise<Evaluation> {
    const { run, data, learner } = this;
    await learner.collective.gather(null, "the weights to test, which the first rank writes");
    const { evaluation, predictions } = await evaluateBest({ model: learner, data, run, signal }, "test");
    const means = await meanRepresentations(learner, data, signal);
    run.files.together(() => {
      if (means !== undefined) writeMeans(run, means, evaluation.epoch);
      run.writeResults(evaluation, predictionsCsv(predictions, data));
    });
    return evaluation;
  }

  /** Writes down how long it took, and frees what was opened for this work. */
  [Symbol.dispose](): void {
    using _ = this.#held;
    this.#writeSession();
  }

  #writeSession(): void {
    const seconds = Math.round((performance.now() - this.#begin) / 100) / 10;
    this.run.writeSession({ ...this.#session, seconds });
  }
}
