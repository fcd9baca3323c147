/** A trained run made ready to answer: its model on a device, and what turns raw samples into its inputs. */
import { isAbsolute, resolve } from "node:path";
import { UserError } from "../../base/user_error.ts";
import { tableModalities } from "../../config/data_config.ts";
import { resolveMethod } from "../../config/method_config.ts";
import type { RunConfig } from "../../config/run_config.ts";
import type { ModalityPreprocessing } from "../../data/preprocessing.ts";
import type { TaskName } from "../../data/targets.ts";
import type { DeviceKind } from "../../gpu/adapter.ts";
import type { Gpu } from "../../gpu/gpu.ts";
import type { Temperatures } from "../../metrics/calibration.ts";
import { readMeans } from "../../runs/mean_representations.ts";
import { Explainer } from "../../train/explainer.ts";
import { Predictor } from "../../train/predictor.ts";
import { type DeviceChoice, openDevice } from "../open_device.ts";
import { OpenRun } from "../open_run.ts";
import type { Columns } from "./inputs.ts";

export class PredictSession implements Disposable {
  readonly open: OpenRun;
  readonly gpu: Gpu;
  readonly model: Predictor;
  readonly classes: readonly string[];
  readonly task: TaskName;
  /** Those that the model reads, in its order. */
  readonly modalities: readonly ModalityPreprocessing[];
  /** The epoch of the weights. */
  readonly epoch: number;
  /** Those of heads whose probabilities are calibrated. */
  readonly temperatures: Temperatures;

  private constructor(
    open: OpenRun,
    gpu: Gpu,
    model: Predictor,
    { epoch, temperatures }: { epoch: number; temperatures: Temperatures },
  ) {
    const { preprocessing } = open.kept;
    const read = resolveMethod(open.run.config).modalities;
    this.open = open;
    this.gpu = gpu;
    this.model = model;
    this.classes = preprocessing.classes;
    this.task = preprocessing.task ?? "classification";
    this.modalities = preprocessing.modalities.filter(({ name }) => read.includes(name));
    this.epoch = epoch;
    this.temperatures = temperatures;
  }

  /** Throws a UserError where there is no run, or it has no weights yet. */
  static async begin(path: string, device: DeviceKind | DeviceChoice): Promise<PredictSession> {
    const open = await OpenRun.open(path);
    const { weights, ...fitted } = open.run.checkpoints.loadBest();
    using held = new DisposableStack();
    const gpu = await openDevice(device);
    held.defer(() => gpu.destroy());
    const model = new Predictor(gpu, open.run.config, open.modelData);
    model.writeWeights(weights, open.run.checkpoints.best);
    held.move();
    return new PredictSession(open, gpu, model, fitted);
  }

  /** True where rows may lack modalities, as samples did in training. */
  get mayLack(): boolean {
    return this.open.run.config.data.missing !== "refuse";
  }

  /**
   * What explains its answers; probabilities are calibrated by these temperatures. Throws a UserError where nothing can be told
   * of them.
   */
  explainer(temperatures: Temperatures): Explainer {
    const { model, modalities } = this;
    return new Explainer({ model, modalities, means: readMeans(this.open.run, this.epoch), temperatures });
  }

  /** The columns of each modality in tables like the one the run learned from; else those of the modalities' names. */
  columns(given: Columns = {}): Columns {
    const own = columnsOf(this.open.run.config);
    for (const name of Object.keys(given)) {
      if (this.modalities.some((modality) => modality.name === name)) continue;
      const names = this.modalities.map((modality) => modality.name).join(", ");
      throw new UserError(`The model of ${this.open.run.path} reads no "${name}", but ${names}`);
    }
    return Object.fromEntries(this.modalities.map(({ name }) => [name, given[name] ?? own[name] ?? name]));
  }

  [Symbol.dispose](): void {
    this.model.dispose();
    this.gpu.destroy();
  }
}

function columnsOf({ data }: RunConfig): Columns {
  if (data.name !== "table") return {};
  return Object.fromEntries(
    Object.entries(tableModalities(data)).map(([name, source]) => [
      name,
      "image" in source ? source.image : "text" in source ? source.text : source.features,
    ]),
  );
}

/** The path of a file as somebody types it, from where they stand. */
export function typedPath(path: string): string {
  return isAbsolute(path) ? path : resolve(path);
}
