/** `unis train` */
import { type Collective, firstAlone } from "../distributed/collective.ts";
import { FollowedRun } from "../runs/followed_run.ts";
import { firstCause } from "../base/first_cause.ts";
import { UserError } from "../base/user_error.ts";
import { ConsoleObserver, evaluationLines } from "../report/console.ts";
import { DownloadBar } from "../report/download_bar.ts";
import { output } from "../report/output.ts";
import { profileLines } from "../report/profile.ts";
import { METRICS } from "../metrics/chosen_metric.ts";
import { Unwritable } from "../io/file_bytes.ts";
import { Interrupted } from "../base/interrupt.ts";
import { DeviceLost, WrongResults } from "../gpu/device_errors.ts";
import { profileTraining } from "../train/profile.ts";
import { nameOfRun, RunFolder } from "../runs/run_folder.ts";
import { chooseConfig, type ConfigFlags, flagName } from "./choose_config.ts";
import { findFaults } from "./data.ts";
import { StartUp } from "../app/start_up.ts";
import { type RateRule, scaleBatch } from "../config/scale_batch.ts";
import type { RunConfig } from "../config/run_config.ts";
import { amongRanks } from "../app/ranks.ts";
import { withRestarts } from "../app/restarts.ts";
import { Stop } from "../app/stop.ts";
import { Work } from "../app/work.ts";

export interface TrainFlags extends ConfigFlags {
  skipBad?: boolean;
  out?: string;
  resume?: string;
  acceptChangedData?: boolean;
  /** The batch grows with the number of ranks, and the rates by this rule. */
  scaleBatch?: RateRule;
  /** How often another device is opened where one is lost. */
  restarts?: number;
  /** Steps, or true where it is for us to say how many. */
  profile?: number | true;
}

const PROFILED_STEPS = 5;

/** Flags that a resumed run takes from its configuration. */
const FIXED = [
  "preset",
  "config",
  "data",
  "skipBad",
  "imageEncoder",
  "textEncoder",
  "jointEncoder",
  "method",
  "semantics",
  "semi",
  "negative",
  "symmetric",
  "scaleBatch",
  "wire",
  "microBatch",
  "precision",
  "checkpointing",
  "seed",
  "out",
  "set",
];

/**
 * Trains and tests; `given` names the flags that were typed. Throws `Interrupted` where Ctrl-C ended it early, and
 * `DeviceLost` where the device was lost more often than another may be opened.
 */
export function train(flags: TrainFlags, given: readonly string[]): Promise<void> {
  return amongRanks((collective) => trainAsRank(flags, given, collective));
}

async function trainAsRank(
  flags: TrainFlags,
  given: readonly string[],
  collective: Collective,
): Promise<void> {
  if (flags.acceptChangedData && flags.resume === undefined) {
    throw new UserError("--accept-changed-data goes with --resume: a new run takes the data as they are");
  }
  mustBeForRanks(flags, collective.size);
  const opened = flags.resume === undefined
    ? undefined
    : await firstAlone(collective, "opening the run", () =>
      openForResuming(flags.resume!, flags.epochs, given, collective.rank === 0));
  const resumed = opened && collective.rank > 0 ? FollowedRun.of(opened.path, opened.config) : opened;
  const startUp = new StartUp();
  startUp.lap("program");
  const observer = new ConsoleObserver();
  const downloads = new DownloadBar((message) => observer.note(message));
  const note = (message: string) => observer.note(message);
  const chosen = resumed === undefined
    ? scaled(
      await firstAlone(collective, "fetching encoders", () => chooseConfig(flags, given, downloads)),
      flags.scaleBatch,
      collective.size,
    )
    : undefined;
  const named = resumed?.path ?? flags.out ?? nameOfRun(chosen!.name, chosen!.config);
  const [out] = await collective.gather(named, "naming the run") as [string];
  if (resumed === undefined) {
    if (collective.rank === 0) RunFolder.mustBeFree(out);
    startUp.lap("encoders");
  }
  /** Its folder is there from the moment that it can be gone on with. */
  const unfinished = () => RunFolder.isAt(out) ? RunFolder.open(out) : undefined;
  try {
    await withRestarts({ restarts: flags.restarts ?? 0, note }, async (begun) => {
      const left = resumed ?? (begun > 0 ? unfinished() : undefined);
      using work = await Work.begin(left ?? { ...chosen!, out }, {
        device: flags,
        observer,
        downloads,
        collective,
        ...(begun === 0 && { startUp }),
        ...(flags.skipBad && { findFaults }),
        ...(flags.acceptChangedData && { acceptChangedData: true }),
      });
      using stop = new Stop(note);
      if (flags.profile !== undefined) return await profile(work, flags.profile);
      const evaluation = await work.trainAndTest(stop.signal);
      output.result(["", ...evaluationLines(evaluation)].join("\n"));
    });
  } catch (thrown) {
    const error = firstCause(thrown);
    const goOn = `go on by: unis train --resume ${out}`;
    if (error instanceof Interrupted) throw new Interrupted(`stopped, and all is saved; ${goOn}`);
    if (error instanceof Unwritable && RunFolder.isAt(out)) {
      error.message += `. What was saved before is kept; once it can be written, ${goOn}`;
    }
    if (!(error instanceof DeviceLost || error instanceof WrongResults)) throw error;
    error.message += `; ${unfinished() ? goOn : "the same command may be tried again"}`;
    throw error;
  }
}

function scaled<T extends { readonly config: RunConfig }>(
  chosen: T,
  rule: RateRule | undefined,
  ranks: number,
): T {
  return rule === undefined ? chosen : { ...chosen, config: scaleBatch(chosen.config, ranks, rule) };
}

/** Throws a UserError for flags that are for one process. */
function mustBeForRanks({ profile, restarts = 0 }: TrainFlags, ranks: number): void {
  const wrong = profile !== undefined ? "--profile" : restarts > 0 ? "--restarts" : undefined;
  if (ranks === 1 || wrong === undefined) return;
  throw new UserError(
    `${wrong} is for one process, not ${ranks} ranks${
      wrong === "--restarts" ? ": a job that lost a device goes on by --resume" : ""
    }`,
  );
}

async function profile({ learner, data, run }: Work, steps: number | true): Promise<void> {
  const profile = await profileTraining(learner, data, steps === true ? PROFILED_STEPS : steps);
  run.writeProfile(profile);
  output.result(["", ...profileLines(profile)].join("\n"));
}

/**
 * The run to go on with, which the first rank puts in order. Throws a UserError where there is nothing left to do, or a flag would
 * change what was begun.
 */
export function openForResuming(
  path: string,
  epochs: number | undefined,
  given: readonly string[],
  isFirst: boolean,
): RunFolder {
  const wrong = given.find((flag) => FIXED.includes(flag));
  if (wrong !== undefined) {
    throw new UserError(`${flagName(wrong)} cannot be used with --resume: the run keeps its settings`);
  }
  const run = RunFolder.open(path);
  // Whether it has finished is known once what a process that was killed has left is in order.
  if (isFirst) run.hold()[Symbol.dispose]();
  const { training } = run.config;
  const state = run.checkpoints.lastState();
  const hasEnded = state === undefined || state.ended === "early stopping" ||
    (state.ended === "all epochs" && (epochs ?? training.epochs) <= state.epoch);
  // One that was given more epochs has the test of weights before, until it is tested again.
  const tested = run.evaluation();
  if (hasEnded && tested !== undefined && (state?.best ?? tested).epoch === tested.epoch) {
    const advice = state === undefined
      ? "it has no checkpoint to go on from"
      : state.ended === "early stopping"
      ? `the ${METRICS[training.metric].title} of its validation had stopped getting better`
      : `--epochs, with more than ${state.epoch}, trains it further`;
    throw new UserError(`The run ${path} has finished: ${advice}`);
  }
  return epochs === undefined ? run : run.withConfig({ ...run.config, training: { ...training, epochs } });
}
