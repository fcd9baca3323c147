/** The folder of a run: its configuration, metrics, checkpoints and results. */
import { join } from "node:path";
import { suggestPath } from "../io/nearby_path.ts";
import { reason, writeTextFile } from "../io/file_bytes.ts";
import { writeJsonFile } from "../io/json_file.ts";
import { UserError } from "../base/user_error.ts";
import { RunCheckpoints } from "./run_checkpoints.ts";
import { parseConfig, type RunConfig } from "../config/run_config.ts";
import { exists, makeFolder, readJson } from "../io/files.ts";
import { readUtf8 } from "../io/text_file.ts";
import type { Profile } from "./records.ts";
import type { EpochRecord, Evaluation, OtherEvaluation } from "./records.ts";
import { writeTensorBoard } from "./tensorboard.ts";
import { VERSION } from "../base/version.ts";

/** One stretch of work on a run, from start or resumption to its end. */
export interface Session {
  started: string;
  adapter: string;
  adapter_class: string;
  seconds: number;
  /** From starting the program to the end of the first step. */
  startup_seconds?: number;
  /** The processes that trained together, where there were several. */
  ranks?: number;
  /** Where products went by plans of `unis tune`: of how many shapes it knows, and a digest of all. */
  tuned_plans?: { shapes: number; sha256: string };
  /** Where the device was lost, which ended it: what was said of that. */
  lost?: string;
}

/** environment.json. */
export interface Environment {
  unis: string;
  deno: string;
  system: string;
  sessions: Session[];
}

export class RunFolder {
  readonly path: string;
  readonly config: RunConfig;
  readonly checkpoints: RunCheckpoints;

  protected constructor(path: string, config: RunConfig, Checkpoints = RunCheckpoints) {
    this.path = path;
    this.config = config;
    this.checkpoints = new Checkpoints(join(path, "checkpoints"));
  }

  /** Makes the folder of a new run. Throws a UserError where something is there already: runs are never overwritten. */
  static create(path: string, config: RunConfig): RunFolder {
    RunFolder.mustBeFree(path);
    try {
      Deno.mkdirSync(join(path, "checkpoints"), { recursive: true });
    } catch (error) {
      throw new UserError(`Cannot make ${path}: ${reason(error)}`);
    }
    const run = new RunFolder(path, config);
    run.writeConfig();
    return run;
  }

  /** Throws a UserError unless a run may be made at `path`. */
  static mustBeFree(path: string): void {
    if (!exists(path)) return;
    let isEmpty: boolean;
    try {
      isEmpty = Deno.readDirSync(path)[Symbol.iterator]().next().done === true;
    } catch (error) {
      throw new UserError(`Cannot use ${path} as the folder of a run: ${reason(error)}`);
    }
    if (isEmpty) return;
    const hint = exists(join(path, "config.json"))
      ? `it holds a run. Go on with it by --resume ${path}, or name another folder`
      : "it is not empty. Name another folder";
    throw new UserError(`Cannot use --out ${path}: ${hint}`);
  }

  /** Opens the folder of a run that exists. Throws a UserError where it is none. */
  static open(path: string): RunFolder {
    const file = join(path, "config.json");
    if (!exists(file)) {
      const why = exists(path) ? "it has no config.json" : `it is missing${suggestPath(path)}`;
      throw new UserError(`${path} is no folder of a run: ${why}`);
    }
    return new RunFolder(path, parseConfig(readJson(file), file));
  }

  /** This run with another configuration: for going on beyond the epochs first planned. */
  withConfig(config: RunConfig): RunFolder {
    return new RunFolder(this.path, config);
  }

  /** Writes config.json. */
  writeConfig(): void {
    writeJsonFile(join(this.path, "config.json"), this.config);
  }

  appendRecord(record: EpochRecord): void {
    try {
      Deno.writeTextFileSync(join(this.path, "metrics.jsonl"), JSON.stringify(record) + "\n", {
        append: true,
      });
    } catch (error) {
      throw new UserError(`Cannot write ${join(this.path, "metrics.jsonl")}: ${reason(error)}`);
    }
    this.#writeTensorBoard();
  }

  /** Drops the records that were written after the last checkpoint, half a line included: they come again. */
  keepRecords(count: number): void {
    const file = join(this.path, "metrics.jsonl");
    if (!exists(file)) return;
    const lines = readUtf8(file).split("\n").slice(0, count);
    writeTextFile(file, lines.map((line) => line + "\n").join(""));
    this.#writeTensorBoard();
  }

  #writeTensorBoard(): void {
    const told = { config: this.config, records: this.records(), test: this.evaluation() };
    writeTensorBoard(join(this.path, "tensorboard"), told);
  }

  /** All records, in order. */
  records(): EpochRecord[] {
    const file = join(this.path, "metrics.jsonl");
    if (!exists(file)) return [];
    return readUtf8(file).split("\n").filter((line) => line !== "").map((line, i) => {
      try {
        return JSON.parse(line, toNumber);
      } catch {
        throw new UserError(`Cannot read line ${i + 1} of ${file}: it is not valid JSON`);
      }
    });
  }

  /** Writes test.json and predictions.csv, and the test into the event files. */
  writeResults(evaluation: Evaluation, predictions: string): void {
    writeTextFile(join(this.path, "predictions.csv"), predictions);
    writeJsonFile(join(this.path, "test.json"), evaluation);
    this.#writeTensorBoard();
  }

  /** Writes an evaluation of other samples than the run's own to `evaluations/<name>.json`; gives the path. */
  writeOtherEvaluation(name: string, evaluation: OtherEvaluation): string {
    const folder = join(this.path, "evaluations");
    makeFolder(folder);
    const file = join(folder, `${name}.json`);
    writeJsonFile(file, evaluation);
    return file;
  }

  /** test.json; undefined as long as the run has not been tested. */
  evaluation(): Evaluation | undefined {
    const file = join(this.path, "test.json");
    return exists(file) ? readJson(file, toNumber) as Evaluation : undefined;
  }

  environment(): Environment | undefined {
    const file = join(this.path, "environment.json");
    return exists(file) ? readJson(file) as Environment : undefined;
  }

  /** Writes profile.json. */
  writeProfile(profile: Profile): void {
    writeJsonFile(join(this.path, "profile.json"), profile);
  }

  /** Adds a session to environment.json; with the same start, the later one replaces the earlier. */
  writeSession(session: Session): void {
    const file = join(this.path, "environment.json");
    const before = this.environment()?.sessions ?? [];
    const others = before.filter(({ started }) => started !== session.started);
    const { os, arch } = Deno.build;
    writeJsonFile(file, {
      unis: VERSION,
      deno: Deno.version.deno,
      system: `${os} ${arch}`,
      sessions: [...others, session],
    });
  }
}

/** JSON has no NaN and no infinity, as losses in f16 may be: null stands for both. */
function toNumber(_: string, value: unknown): unknown {
  return value === null ? NaN : value;
}

/** `runs/<preset>-<method>-<seed>-<time>`, time being local and to the second. */
export function nameOfRun(preset: string, { method, seed }: RunConfig, now = new Date()): string {
  const two = (value: number) => String(value).padStart(2, "0");
  const day = `${now.getFullYear()}${two(now.getMonth() + 1)}${two(now.getDate())}`;
  const time = `${two(now.getHours())}${two(now.getMinutes())}${two(now.getSeconds())}`;
  return join("runs", `${preset}-${method}-${seed}-${day}-${time}`);
}
