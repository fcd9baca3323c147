/** Keeps the folder of an experiment: the lock of the process that works on it, the plan, and the runs. */
import { join } from "node:path";
import { leavesOf } from "../base/leaves.ts";
import { reason } from "../io/file_bytes.ts";
import { writeJsonFile } from "../io/json_file.ts";
import { UserError } from "../base/user_error.ts";
import { parseConfig, type RunConfig } from "../config/run_config.ts";
import { exists, makeFolder, readJson } from "../io/files.ts";
import { FolderLock, LOCK } from "../io/lock.ts";
import { removeAllLeft } from "../io/new_file.ts";
import { RunFiles } from "../runs/run_files.ts";
import { RunFolder } from "../runs/run_folder.ts";
import type { PlannedRun } from "./plan_runs.ts";

/** A planned run with all that decides its outcome. */
export interface SettledRun extends PlannedRun {
  readonly config: RunConfig;
  /** Whether it is trained without faulty samples. */
  readonly skipBad: boolean;
}

/** The configurations of runs that were planned before, by their names, and of a sweep what they were drawn from. */
type Plans = Readonly<Record<string, object>>;

const PLAN = "experiment.json";
/** No name of a run, which ends with its seed. */
const DRAWS = "draws";

/** The runs of a folder, for those who work on one of them; the folder is held by somebody else. */
export class RunsFolder {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  pathOf(run: string): string {
    return join(this.path, run);
  }

  /** A run that was begun; undefined for one that was not. One that was cut before it saved anything is removed. */
  begun(name: string): RunFolder | undefined {
    const path = this.pathOf(name);
    if (!exists(path)) return undefined;
    if (RunFolder.isAt(path)) {
      const run = RunFolder.open(path);
      if (run.evaluation() !== undefined || run.checkpoints.lastState() !== undefined) return run;
    }
    using _ = new RunFiles(path).hold();
    Deno.removeSync(path, { recursive: true });
    return undefined;
  }

  /** A run that was begun. Throws a UserError where there is none. */
  open(name: string): RunFolder {
    return RunFolder.open(this.pathOf(name));
  }
}

/** The folder, held by one process at a time until it is disposed or the process ends in any way. */
export class ExperimentFolder extends RunsFolder implements Disposable {
  readonly #lock: Disposable;

  private constructor(path: string, lock: Disposable) {
    super(path);
    this.#lock = lock;
  }

  /**
   * Makes the folder, or opens it to go on. Throws a UserError where another process works on it, it is something else,
   * or a run in it was begun in another way than is planned now; `source` names the file of the experiment. The runs of a
   * sweep hang on its `draws` as well, which stay what they were.
   */
  static open(
    path: string,
    planned: readonly SettledRun[],
    source: string,
    draws: object = {},
  ): ExperimentFolder {
    const before = plansAt(path);
    makeFolder(path);
    const lock = new FolderLock(path, "wait for it, or name another folder by --out");
    const folder = new ExperimentFolder(path, lock);
    try {
      folder.#finish(planned);
      folder.#write(planned, before, source, draws);
    } catch (error) {
      folder[Symbol.dispose]();
      throw error;
    }
    return folder;
  }

  /** Writes the plan before any run begins, so that no run has a folder without a plan. */
  #write(planned: readonly SettledRun[], before: Plans, source: string, draws: object): void {
    const redrawn = Object.keys(before).length === 0 ? "" : differences(before[DRAWS] ?? {}, draws);
    if (redrawn !== "") {
      throw new UserError(
        `${source}: the runs of ${this.path} were drawn from another space (${redrawn}): name another folder by --out`,
      );
    }
    const now = Object.fromEntries(
      planned.map(({ name, config, skipBad }) => [name, { skip_bad: skipBad, config }]),
    );
    for (const [name, plan] of Object.entries(now)) {
      if (!(name in before) || !exists(this.pathOf(name))) continue;
      const found = differences(readPlan(before[name], join(this.path, PLAN)), plan);
      if (found === "") continue;
      throw new UserError(
        `${source}: the run ${
          this.pathOf(name)
        } was begun with other settings (${found}): remove its folder, or name ` +
          "another by --out",
      );
    }
    const drawn = Object.keys(draws).length === 0 ? {} : { [DRAWS]: draws };
    writeJsonFile(join(this.path, PLAN), { ...drawn, ...before, ...now });
  }

  /** Puts in order what processes that were killed have left. */
  #finish(planned: readonly SettledRun[]): void {
    removeAllLeft(this.path, false);
    for (const { name } of planned) {
      const path = this.pathOf(name);
      if (!exists(path)) continue;
      try {
        new RunFiles(path).hold()[Symbol.dispose]();
      } catch (error) {
        if (!(error instanceof UserError)) throw error; // told when the run is wanted
      }
    }
  }

  [Symbol.dispose](): void {
    this.#lock[Symbol.dispose]();
  }
}

/** The plans of an experiment that has a folder already. Throws a UserError where the folder holds something else. */
function plansAt(path: string): Plans {
  const file = join(path, PLAN);
  if (exists(file)) return readJson(file) as Plans;
  if (!exists(path)) return {};
  let names: string[];
  try {
    names = Array.from(Deno.readDirSync(path), ({ name }) => name).filter((name) => name !== LOCK);
  } catch (error) {
    throw new UserError(`Cannot use ${path} as the folder of an experiment: ${reason(error)}`);
  }
  // A process that was killed while it wrote the plan leaves a file with this ending.
  if (names.every((name) => name.startsWith(PLAN))) return {};
  throw new UserError(
    `Cannot use --out ${path}: it is not empty and holds no experiment. Name another folder`,
  );
}

/** A plan as it was written down, with today's defaults for settings that did not exist then. */
function readPlan(plan: object | undefined, file: string): object {
  const { skip_bad, config } = plan as { skip_bad?: unknown; config?: unknown };
  return { skip_bad, config: parseConfig(config, file) };
}

/** The settings in which two plans differ; empty where there is none. */
function differences(before: object, now: object): string {
  const [old, current] = [settingsIn(before), settingsIn(now)];
  const keys = [...new Set([...old.keys(), ...current.keys()])].filter((key) =>
    old.get(key) !== current.get(key)
  );
  const value = (leaves: ReadonlyMap<string, string>, key: string) => leaves.get(key) ?? "not given";
  const shown = keys.slice(0, 3).map((key) => `${key} was ${value(old, key)}, is ${value(current, key)}`);
  return shown.join("; ") + (keys.length > 3 ? "; ..." : "");
}

/** By the keys that `--set` takes: those of a configuration, wherever that lies in a plan. */
function settingsIn(plan: object): ReadonlyMap<string, string> {
  return new Map(leavesOf(plan).map(([key, value]) => [key.replace(/^config\./, ""), value]));
}
