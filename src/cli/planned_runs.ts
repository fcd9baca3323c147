/** The plan of many runs: what `unis experiment` and `unis sweep` share. */
import { dirname, resolve } from "node:path";
import { UserError } from "../base/user_error.ts";
import type { DeviceChoice } from "../app/open_device.ts";
import { beginningOf } from "../app/work.ts";
import { choosePretrained, type Chosen, findPretrained } from "../build/pretrained.ts";
import { type ConfigFile, movedTo, readConfigFile } from "../config/config_file.ts";
import { withSettings } from "../config/run_config.ts";
import { DRY_SETTINGS } from "../experiments/dry_run.ts";
import type { ExperimentFile } from "../experiments/experiment_file.ts";
import type { SettledRun } from "../experiments/experiment_folder.ts";
import type { Overrides, PlannedRun } from "../experiments/plan_runs.ts";
import { ConsoleObserver } from "../report/console.ts";
import type { DownloadBar } from "../report/download_bar.ts";
import { wantedEncoders } from "./choose_config.ts";

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
  /** How many runs are made at once; one if not given. */
  jobs?: number;
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
  nameOf = ({ variant }: PlannedRun) => `variant ${variant}`,
): Promise<ReadyRun[]> {
  const base = readBase(configPath, source);
  const chosenBefore = new Map<string, Promise<Chosen>>();
  const ready: ReadyRun[] = [];
  for (const run of planned) {
    const from = `${source}, ${nameOf(run)}`;
    const settings = [...base?.settings ?? [], ...run.settings].map((setting) =>
      typeof setting === "string" ? { text: setting, source: from } : setting
    );
    const beginning = base?.whole
      ? movedTo(base.whole, flags.data ?? data)
      : beginningOf(preset, flags.data ?? data ?? base?.data, settings).config;
    const key = JSON.stringify([beginning, run.encoders]);
    const chosen = chosenBefore.get(key) ?? choosePretrained(beginning, run.encoders, downloads);
    chosenBefore.set(key, chosen);
    const { config, folders } = await chosen;
    const settled = withSettings(config, settings, from);
    const all = await findPretrained(settled, downloads, { known: folders, withInputs: true });
    ready.push({ ...run, config: settled, folders: all, skipBad: skip_bad });
  }
  return ready;
}

/** A time that is left: `40 s`, `12 min`, `3 h 20 min`. */
export function timeText(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
