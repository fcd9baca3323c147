/** `unis train` */
import { join } from "node:path";
import type { DeviceKind } from "../gpu/adapter.ts";
import { UserError } from "../io/user_error.ts";
import { ConsoleObserver, evaluationLines } from "../report/console.ts";
import { DownloadBar } from "../report/download_bar.ts";
import { loadData } from "../train/assembly.ts";
import { type Method, type RunConfig, withSettings } from "../train/config.ts";
import { predictionsCsv } from "../train/evaluation.ts";
import { exists } from "../train/files.ts";
import { Interrupted } from "../train/interrupt.ts";
import { Learner } from "../train/learner.ts";
import { type PresetName, PRESETS } from "../train/presets.ts";
import {
  choosePretrained,
  findPretrained,
  keepEncoderFiles,
  loadPretrained,
  type Wanted,
} from "../train/pretrained.ts";
import { nameOfRun, RunFolder, type Session } from "../train/run_folder.ts";
import { evaluateBest, train as trainRun } from "../train/trainer.ts";
import { openDevice } from "./device.ts";
import { Stop } from "./stop.ts";

export interface TrainFlags {
  preset: PresetName;
  imageEncoder?: string;
  textEncoder?: string;
  method?: Method;
  microBatch?: string;
  checkpointing?: boolean;
  seed?: number;
  epochs?: number;
  device: DeviceKind;
  out?: string;
  set?: string[];
  resume?: string;
}

/** Flags that a resumed run takes from its configuration. */
const FIXED = [
  "preset",
  "imageEncoder",
  "textEncoder",
  "method",
  "microBatch",
  "checkpointing",
  "seed",
  "out",
  "set",
];

/** Trains and tests; `given` names the flags that were typed. Throws `Interrupted` where Ctrl-C ended it early. */
export async function train(flags: TrainFlags, given: readonly string[]): Promise<void> {
  const resumed = flags.resume === undefined ? undefined : openForResuming(flags.resume, flags.epochs, given);
  const observer = new ConsoleObserver();
  const downloads = new DownloadBar((message) => observer.note(message));
  const chosen = resumed === undefined
    ? await choosePretrained(PRESETS[flags.preset], wantedEncoders(flags), downloads)
    : undefined;
  const config = resumed?.config ?? configOf(chosen!.config, flags);
  const out = resumed?.path ?? flags.out ?? nameOfRun(flags.preset, config);
  if (resumed === undefined) RunFolder.mustBeFree(out);

  const session: Session = { started: new Date().toISOString(), adapter: "", adapter_class: "", seconds: 0 };
  const begin = performance.now();
  const gpu = await openDevice(flags.device);
  const note = (message: string) => observer.note(message);
  const filesOf = (modality: string) => chosen?.folders.get(modality) ?? resumed!.encoderFolder(modality);
  const data = await loadData(config, filesOf, note);
  const learner = new Learner(gpu, config, data);
  // A run that was cut before it saved anything begins anew, from the pretrained weights where it has some.
  const isNew = resumed?.checkpoints.lastState() === undefined;
  const folders = chosen?.folders ??
    (isNew ? await findPretrained(config, downloads) : new Map<string, string>());
  await loadPretrained(learner, folders, note);
  const run = resumed ?? RunFolder.create(out, learner.config);
  if (chosen) keepEncoderFiles(run, chosen.folders);
  const writeSession = () =>
    run.writeSession({ ...session, seconds: Math.round((performance.now() - begin) / 100) / 10 });
  session.adapter = gpu.name;
  session.adapter_class = gpu.adapterClass;
  writeSession();
  observer.note(`Run         ${run.path}${resumed === undefined ? "" : " (resumed)"}`);
  observer.planned(learner.plan(data));

  using stop = new Stop((message) => observer.note(message));
  const { signal } = stop;
  try {
    const { epoch, ended, best } = await trainRun({ learner, data, run, observer, signal });
    observer.note(`Training ended after ${epoch} epochs (${ended}); the best was epoch ${best!.epoch}`);
    const { evaluation, predictions } = await evaluateBest({ learner, data, run, signal }, "test");
    run.writeResults(evaluation, predictionsCsv(predictions, data));
    observer.note(["", ...evaluationLines(evaluation)].join("\n"));
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    throw new Interrupted(`stopped, and all is saved; go on by: unis train --resume ${run.path}`);
  } finally {
    writeSession();
    data.close?.();
    learner.dispose();
    gpu.destroy();
  }
}

function wantedEncoders({ imageEncoder, textEncoder }: TrainFlags): Wanted {
  return {
    ...(imageEncoder !== undefined && { image: imageEncoder }),
    ...(textEncoder !== undefined && { text: textEncoder }),
  };
}

function configOf(preset: RunConfig, flags: TrainFlags): RunConfig {
  const { method, seed, epochs, microBatch, checkpointing, set = [] } = flags;
  const settings = Object.entries({
    "method": method,
    "seed": seed,
    "training.epochs": epochs,
    "training.micro_batch": microBatch,
    "model.checkpointing": checkpointing,
  }).flatMap(([key, value]) => value === undefined ? [] : [`${key}=${value}`]);
  return withSettings(preset, [...settings, ...set]);
}

/** The run to go on with. Throws a UserError where there is nothing left to do, or a flag would change what was begun. */
function openForResuming(path: string, epochs: number | undefined, given: readonly string[]): RunFolder {
  const wrong = given.find((flag) => FIXED.includes(flag));
  if (wrong !== undefined) {
    const flag = wrong.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    throw new UserError(`--${flag} cannot be used with --resume: the run keeps its settings`);
  }
  const run = RunFolder.open(path);
  const { training } = run.config;
  const isLonger = epochs !== undefined && epochs > training.epochs;
  const ended = run.checkpoints.lastState()?.ended ?? null;
  if (exists(join(path, "test.json")) && !(isLonger && ended === "all epochs")) {
    const advice = ended === "early stopping"
      ? "its validation accuracy had stopped rising"
      : `--epochs, with more than ${training.epochs}, trains it further`;
    throw new UserError(`The run ${path} has finished: ${advice}`);
  }
  return epochs === undefined ? run : run.withConfig({ ...run.config, training: { ...training, epochs } });
}
