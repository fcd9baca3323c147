/** The folder of a run: its configuration, metrics, checkpoints and results. */
import { join } from "node:path";
import { suggestPath } from "../io/nearby_path.ts";
import { reason } from "../io/file_bytes.ts";
import { LOCK } from "../io/lock.ts";
import { isTemporary } from "../io/new_file.ts";
import { writeJsonFile } from "../io/json_file.ts";
import { UserError } from "../base/user_error.ts";
import { type PredictionTable, readPredictions } from "./predictions.ts";
import { RunCheckpoints } from "./run_checkpoints.ts";
import { RunFiles } from "./run_files.ts";
import { parseConfig, type RunConfig } from "../config/run_config.ts";
import { exists, makeFolder, readJson } from "../io/files.ts";
import { readUtf8 } from "../io/text_file.ts";
import type { Profile } from "./records.ts";
import type { EpochRecord, Evaluation, OtherEvaluation } from "./records.ts";
import { EventFiles } from "./tensorboard.ts";
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

const CONFIG = "config.json";
const RECORDS = "metrics.jsonl";
const TEST = "test.json";
const PREDICTIONS = "predictions.csv";
const ENVIRONMENT = "environment.json";

export class RunFolder {
  readonly path: string;
  readonly config: RunConfig;
  readonly files: RunFiles;
  readonly checkpoints: RunCheckpoints;
  readonly #events: EventFiles;

  protected constructor(files: RunFiles, config: RunConfig) {
    this.path = files.folder;
    this.config = config;
    this.files = files;
    this.checkpoints = new RunCheckpoints(files);
    this.#events = new EventFiles(join(this.path, "tensorboard"));
  }

  /**
   * Makes the folder of a new run, with all that `fill` writes into it or not at all. Throws a UserError where something is
   * there already: runs are never overwritten.
   */
  static create(path: string, config: RunConfig, fill: (run: RunFolder) => void = () => {}): RunFolder {
    RunFolder.mustBeFree(path);
    makeFolder(path);
    const run = new RunFolder(new RunFiles(path), config);
    run.files.together(() => {
      run.writeConfig();
      fill(run);
    });
    return run;
  }

  /** Takes the place of a new run for this process, until disposed. Throws a UserError unless a run may be made there. */
  static hold(path: string): Disposable {
    RunFolder.mustBeFree(path);
    makeFolder(path);
    return new RunFiles(path).hold("wait for it to end, or name another folder by --out");
  }

  /** Throws a UserError unless a run may be made at `path`: what one that was killed while it began has left may be there. */
  static mustBeFree(path: string): void {
    if (!exists(path)) return;
    let isEmpty: boolean;
    try {
      isEmpty = hasNothing(path);
    } catch (error) {
      throw new UserError(`Cannot use ${path} as the folder of a run: ${reason(error)}`);
    }
    if (isEmpty) return;
    const hint = RunFolder.isAt(path)
      ? `it holds a run. Go on with it by --resume ${path}, or name another folder`
      : "it is not empty. Name another folder";
    throw new UserError(`Cannot use --out ${path}: ${hint}`);
  }

  /** Whether there is a run at a path, be it damaged. */
  static isAt(path: string): boolean {
    return new RunFiles(path).has(CONFIG);
  }

  /** Opens the folder of a run that exists. Throws a UserError where it is none. */
  static open(path: string): RunFolder {
    const files = new RunFiles(path);
    if (!RunFolder.isAt(path)) {
      const why = exists(path) ? `it has no ${CONFIG}` : `it is missing${suggestPath(path)}`;
      throw new UserError(`${path} is no folder of a run: ${why}`);
    }
    files.mustHaveSums();
    return new RunFolder(files, parseConfig(readJson(files.whole(CONFIG)), files.path(CONFIG)));
  }

  /** Takes the run for this process, until disposed. Throws a UserError where another one works on it. */
  hold(): Disposable {
    return this.files.hold();
  }

  /** This run with another configuration: for going on beyond the epochs first planned. */
  withConfig(config: RunConfig): RunFolder {
    return new RunFolder(this.files, config);
  }

  /** Writes config.json. */
  writeConfig(): void {
    this.files.writeJson(CONFIG, this.config);
  }

  appendRecord(record: EpochRecord): void {
    this.files.append(RECORDS, JSON.stringify(record) + "\n");
  }

  /**
   * Has the event files say what the others do; within a set of files, what they will, so that no crash parts them. `last` is the
   * last record and its number, from 1, where it alone has come since they did: only it is written then.
   */
  writeTensorBoard(last?: { readonly record: EpochRecord; readonly number: number }): void {
    if (last !== undefined && this.#events.add(this.config, last.record, last.number)) return;
    this.#events.tell({ config: this.config, records: this.records(), test: this.evaluation() });
  }

  /** All records, in order. */
  records(): EpochRecord[] {
    if (!this.files.has(RECORDS)) return [];
    const lines = readUtf8(this.files.whole(RECORDS)).split("\n").filter((line) => line !== "");
    return lines.map((line, i): EpochRecord => {
      try {
        return JSON.parse(line, toNumber);
      } catch {
        throw new UserError(`Cannot read line ${i + 1} of ${this.files.path(RECORDS)}: it is not valid JSON`);
      }
    });
  }

  /** Throws a UserError where metrics.jsonl has not as many records as the last checkpoint. */
  mustHaveRecords(count: number): void {
    const cure = () => "To go on training, restore it from a copy or train again";
    if (this.files.has(RECORDS) && !this.files.isThere(RECORDS)) this.files.whole(RECORDS, cure);
    const found = this.records().length;
    if (found === count) return;
    throw new UserError(
      `The last checkpoint of ${this.path} is of ${count} records, but ${RECORDS} has ${found}: restore both from a copy, or ` +
        "train again",
    );
  }

  /** Writes test.json and predictions.csv, and the test into the event files. */
  writeResults(evaluation: Evaluation, predictions: string): void {
    this.files.together(() => {
      this.files.writeText(PREDICTIONS, predictions);
      this.files.writeJson(TEST, evaluation);
      this.writeTensorBoard();
    });
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
    return this.files.has(TEST) ? readJson(this.files.whole(TEST), toNumber) as Evaluation : undefined;
  }

  /** predictions.csv; undefined as long as the run has not been tested. */
  predictions(): PredictionTable | undefined {
    return this.files.has(PREDICTIONS) ? readPredictions(this.files.whole(PREDICTIONS)) : undefined;
  }

  environment(): Environment | undefined {
    return this.files.has(ENVIRONMENT) ? readJson(this.files.whole(ENVIRONMENT)) as Environment : undefined;
  }

  /** Writes profile.json. */
  writeProfile(profile: Profile): void {
    writeJsonFile(join(this.path, "profile.json"), profile);
  }

  /** Adds a session to environment.json; with the same start, the later one replaces the earlier. */
  writeSession(session: Session): void {
    const before = this.environment()?.sessions ?? [];
    const others = before.filter(({ started }) => started !== session.started);
    const { os, arch } = Deno.build;
    this.files.writeJson(ENVIRONMENT, {
      unis: VERSION,
      deno: Deno.version.deno,
      system: `${os} ${arch}`,
      sessions: [...others, session],
    });
  }
}

/** True for a folder without files but for those that are not in their places, and the lock. */
function hasNothing(folder: string): boolean {
  return Array.from(Deno.readDirSync(folder)).every(({ name, isDirectory }) =>
    isDirectory ? hasNothing(join(folder, name)) : isTemporary(name) || name === LOCK
  );
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
