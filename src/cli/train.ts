/** `unis train` */
import { join } from "node:path";
import type { DeviceKind } from "../gpu/adapter.ts";
import type { DownloadProgress } from "../io/hub.ts";
import { UserError } from "../base/user_error.ts";
import { ConsoleObserver, evaluationLines } from "../report/console.ts";
import { DownloadBar } from "../report/download_bar.ts";
import { profileLines } from "../report/profile.ts";
import { type RunConfig, withSettings } from "../config/run_config.ts";
import { exists } from "../io/files.ts";
import { Interrupted } from "../base/interrupt.ts";
import type { PresetName } from "../config/presets.ts";
import { choosePretrained, type Chosen, type Wanted } from "../build/pretrained.ts";
import { profileTraining } from "../train/profile.ts";
import { nameOfRun, RunFolder } from "../runs/run_folder.ts";
import { SEMANTICS } from "../config/semantics.ts";
import { findFaults } from "./data.ts";
import { StartUp } from "../app/start_up.ts";
import { Stop } from "../app/stop.ts";
import { beginningOf, Work } from "../app/work.ts";

/** Flags that say what is trained. */
export interface ConfigFlags {
  preset: PresetName;
  data?: string;
  imageEncoder?: string;
  textEncoder?: string;
  method?: string;
  semantics?: keyof typeof SEMANTICS;
  /** False by --no-semi and --no-negative. */
  semi: boolean;
  negative: boolean;
  symmetric?: boolean;
  microBatch?: string;
  precision?: "f32" | "f16";
  checkpointing?: boolean;
  device: DeviceKind;
  set?: string[];
}

export interface TrainFlags extends ConfigFlags {
  skipBad?: boolean;
  seed?: number;
  epochs?: number;
  out?: string;
  resume?: string;
  acceptChangedData?: boolean;
  /** Steps, or true where it is for us to say how many. */
  profile?: number | true;
}

const PROFILED_STEPS = 5;

/** Flags that a resumed run takes from its configuration. */
const FIXED = [
  "preset",
  "data",
  "skipBad",
  "imageEncoder",
  "textEncoder",
  "method",
  "semantics",
  "semi",
  "negative",
  "symmetric",
  "microBatch",
  "precision",
  "checkpointing",
  "seed",
  "out",
  "set",
];

/** The flags among these that are typed as --no-<name>. */
const NEGATED = ["semi", "negative"];

/** Trains and tests; `given` names the flags that were typed. Throws `Interrupted` where Ctrl-C ended it early. */
export async function train(flags: TrainFlags, given: readonly string[]): Promise<void> {
  if (flags.acceptChangedData && flags.resume === undefined) {
    throw new UserError("--accept-changed-data goes with --resume: a new run takes the data as they are");
  }
  const resumed = flags.resume === undefined ? undefined : openForResuming(flags.resume, flags.epochs, given);
  const startUp = new StartUp();
  startUp.lap("program");
  const observer = new ConsoleObserver();
  const downloads = new DownloadBar((message) => observer.note(message));
  const note = (message: string) => observer.note(message);
  const chosen = resumed === undefined ? await chooseConfig(flags, given, downloads) : undefined;
  const out = resumed?.path ?? flags.out ?? nameOfRun(chosen!.name, chosen!.config);
  if (resumed === undefined) {
    RunFolder.mustBeFree(out);
    startUp.lap("encoders");
  }
  using work = await Work.begin(resumed ?? { ...chosen!, out }, {
    device: flags.device,
    observer,
    downloads,
    startUp,
    ...(flags.skipBad && { findFaults }),
    ...(flags.acceptChangedData && { acceptChangedData: true }),
  });
  const { run, learner, data } = work;
  using stop = new Stop(note);
  try {
    if (flags.profile !== undefined) {
      const steps = flags.profile === true ? PROFILED_STEPS : flags.profile;
      const profile = await profileTraining(learner, data, steps);
      run.writeProfile(profile);
      note(["", ...profileLines(profile)].join("\n"));
      return;
    }
    const evaluation = await work.trainAndTest(stop.signal);
    note(["", ...evaluationLines(evaluation)].join("\n"));
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    throw new Interrupted(`stopped, and all is saved; go on by: unis train --resume ${run.path}`);
  }
}

/**
 * The configuration that flags describe, the name of what it began with, and where the files of pretrained encoders are.
 * `given` names the flags that were typed.
 */
export async function chooseConfig(
  flags: ConfigFlags,
  given: readonly string[],
  downloads: DownloadProgress,
): Promise<Chosen & { readonly name: string }> {
  const preset = given.includes("preset") ? flags.preset : undefined;
  const { name, config } = beginningOf(preset, flags.data, flags.set ?? []);
  const { folders, ...chosen } = await choosePretrained(config, wantedEncoders(flags), downloads);
  return { name, folders, config: configOf(chosen.config, flags) };
}

function wantedEncoders({ imageEncoder, textEncoder }: ConfigFlags): Wanted {
  return {
    ...(imageEncoder !== undefined && { image: imageEncoder }),
    ...(textEncoder !== undefined && { text: textEncoder }),
  };
}

function configOf(preset: RunConfig, flags: ConfigFlags & Partial<TrainFlags>): RunConfig {
  const { method, semantics, seed, epochs, microBatch, precision, checkpointing, set = [] } = flags;
  const settings = Object.entries({
    "method": method,
    "semantics": semantics && JSON.stringify(SEMANTICS[semantics]),
    "model.semi_positive": flags.semi ? undefined : false,
    "model.negative": flags.negative ? undefined : false,
    "model.symmetric": flags.symmetric,
    "seed": seed,
    "training.epochs": epochs,
    "training.micro_batch": microBatch,
    "training.precision": precision,
    "model.checkpointing": checkpointing,
  }).flatMap(([key, value]) => value === undefined ? [] : [`${key}=${value}`]);
  return withSettings(preset, [...settings, ...set]);
}

/** The run to go on with. Throws a UserError where there is nothing left to do, or a flag would change what was begun. */
function openForResuming(path: string, epochs: number | undefined, given: readonly string[]): RunFolder {
  const wrong = given.find((flag) => FIXED.includes(flag));
  if (wrong !== undefined) {
    const name = wrong.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    const flag = NEGATED.includes(name) ? `no-${name}` : name;
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
