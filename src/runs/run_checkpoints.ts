/**
 * The checkpoints of a run: the weights of the best epoch, and everything that going on from the last save takes. Every file carries
 * a checksum of its contents, and none holds NaN or infinity where weights and moments are.
 */
import { join } from "node:path";
import { allFinite } from "../base/finite.ts";
import { BLANK_CHECKSUM, CHECKSUM, fillInChecksum, verifyChecksum } from "../io/checksum.ts";
import { writeTextFile } from "../io/file_bytes.ts";
import { openSafetensors, type TensorFile, type TensorToStore, writeSafetensors } from "../io/safetensors.ts";
import type { Temperatures } from "../metrics/calibration.ts";
import type { MetricName } from "../metrics/chosen_metric.ts";
import { listed } from "../base/listing.ts";
import { UserError } from "../base/user_error.ts";
import * as z from "zod";
import { exists, readJson, remove } from "../io/files.ts";

/** Arrays by name, as they stand in a file. */
export type Arrays = ReadonlyMap<
  string,
  { readonly shape: readonly number[]; readonly data: Float32Array<ArrayBuffer> }
>;

const temperaturesSchema = z.record(z.string(), z.number().positive());

/** Before another metric could be chosen, the score was called accuracy. */
function withScore(best: unknown): unknown {
  if (typeof best !== "object" || best === null || !("accuracy" in best)) return best;
  const { accuracy: score, ...rest } = best;
  return { ...rest, score };
}

/** What is optional has the values it had where every epoch was validated, and the end of each recorded. */
const stateSchema = z.strictObject({
  version: z.literal(1),
  /** Epochs finished. */
  epoch: z.int().min(0),
  /** Micro-batches of the epoch under way that are done; with seed and epoch, the place in all random numbers. */
  batch: z.int().min(0),
  /** Optimizer steps taken. */
  step: z.int().min(0),
  plateau: z.strictObject({ best: z.number().nullable(), bad: z.int(), cooldown: z.int() }),
  /** Of each part, before warm-up. */
  learning_rates: z.record(z.string(), z.number()),
  /** `epoch` with a fraction where it was validated within an epoch; `validation` counts validations from 1. */
  best: z.preprocess(
    withScore,
    z.strictObject({
      epoch: z.number().positive(),
      validation: z.int().min(1).optional(),
      /** Of `training.metric`. */
      score: z.number(),
    }).nullable(),
  ),
  /** Validations, and lines of metrics.jsonl, so far; the steps that had been taken when the last was written. */
  validations: z.int().min(0).optional(),
  records: z.int().min(0).optional(),
  recorded_step: z.int().min(0).default(0),
  /** Why training is over, if it is. */
  ended: z.enum(["all epochs", "early stopping"]).nullable(),
  /** Of training in all, and since the last record. */
  seconds: z.number(),
  epoch_seconds: z.number(),
  /** Since the last record, what was spent waiting for batches. */
  epoch_input_wait: z.number().default(0),
}).transform(({ best, ...state }) => ({
  ...state,
  best: best && { ...best, validation: best.validation ?? best.epoch },
  validations: state.validations ?? state.epoch,
  records: state.records ?? state.epoch,
}));

export type TrainingState = z.infer<typeof stateSchema>;

/** The state before the first step. */
export function beginning(plateau: TrainingState["plateau"]): TrainingState {
  return {
    version: 1,
    ...{ epoch: 0, batch: 0, step: 0, validations: 0, records: 0, recorded_step: 0 },
    plateau,
    learning_rates: {},
    best: null,
    ended: null,
    ...{ seconds: 0, epoch_seconds: 0, epoch_input_wait: 0 },
  };
}

/** What a run goes on from. */
export interface Snapshot {
  readonly weights: Arrays;
  /** Moments of the optimizer, and the sums of the epoch under way. */
  readonly optimizer: Arrays;
  readonly state: TrainingState;
}

const WEIGHTS = "last.safetensors";
const OPTIMIZER = "last.optimizer.safetensors";
/** Written last: once it is there, the save is whole. */
const STATE = "last.json";
const FILES = [WEIGHTS, OPTIMIZER, STATE] as const;
const BEST = "best.safetensors";
/** Among its metadata, as JSON; not there in runs of versions that fitted none. */
const TEMPERATURES = "temperatures";

/**
 * The running sums of an epoch, and gradients of a step under way: in f16 a loss may overflow, whose step is then skipped, and
 * with it their sum.
 */
const MAY_OVERFLOW = /^(sums$|grad\.)/;
/** Tensors that an error names. */
const LISTED = 8;

export class RunCheckpoints {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  get best(): string {
    return join(this.#folder, BEST);
  }

  /** Throws a UserError, and leaves what there is, where weights are not finite. */
  saveBest(
    weights: Arrays,
    epoch: number,
    score: number,
    metric: MetricName = "accuracy",
    temperatures: Temperatures = {},
  ): void {
    mustBeFinite(weights, `Cannot save ${this.best}`);
    save(this.best, weights, {
      epoch: String(epoch),
      [`validation_${metric}`]: String(score),
      ...(Object.keys(temperatures).length > 0 && { [TEMPERATURES]: JSON.stringify(temperatures) }),
    });
  }

  /** Opens the weights of the best epoch. Throws a UserError where none has been saved, or the file is damaged. */
  openBest(): TensorFile {
    if (!exists(this.best)) {
      throw new UserError(`There is no ${this.best}: the run has not finished an epoch yet`);
    }
    this.#mustBeWhole(BEST);
    return openSafetensors(this.best);
  }

  /**
   * The weights of the best epoch, which that is, and the temperatures that were fitted for them. Throws a UserError as
   * `openBest` does, and where weights are not finite.
   */
  loadBest(): { weights: Arrays; epoch: number; temperatures: Temperatures } {
    using file = this.openBest();
    return {
      weights: this.#read(file, BEST),
      epoch: Number(file.metadata.get("epoch")),
      temperatures: temperaturesOf(file),
    };
  }

  /** True where the weights of the best epoch are there and undamaged. */
  get hasBest(): boolean {
    return isWhole(this.best);
  }

  /**
   * Saves in two phases, so that a crash at any moment leaves one whole snapshot, the old or the new: all files are
   * written beside the old ones, the state as the last, and then take their names. Throws a UserError, and leaves what
   * there is, where weights or moments are not finite.
   */
  saveLast({ weights, optimizer, state }: Snapshot): void {
    mustBeFinite(weights, `Cannot save ${this.#path(WEIGHTS)}`);
    mustBeFinite(optimizer, `Cannot save ${this.#path(OPTIMIZER)}`);
    this.settle();
    save(this.#next(WEIGHTS), weights, { step: String(state.step) });
    save(this.#next(OPTIMIZER), optimizer, { step: String(state.step) });
    const json = new TextEncoder().encode(
      JSON.stringify({ [CHECKSUM]: BLANK_CHECKSUM, ...state }, null, 2) + "\n",
    );
    fillInChecksum(json);
    writeTextFile(this.#next(STATE), new TextDecoder().decode(json));
    this.settle();
  }

  /** The state of the last snapshot, or undefined where there is none. Throws a UserError where it is damaged. */
  lastState(): TrainingState | undefined {
    this.settle();
    const file = this.#path(STATE);
    if (!exists(file)) return undefined;
    this.#mustBeWhole(STATE);
    const { [CHECKSUM]: _, ...rest } = readJson(file) as Record<string, unknown>;
    const state = stateSchema.safeParse(rest);
    if (state.success) return state.data;
    const { path, message } = state.error.issues[0]!;
    throw new UserError(`${file} is not a state of training: ${path.join(".")}: ${message}`);
  }

  /** The last snapshot, or undefined where there is none. Throws a UserError where it is damaged or not finite. */
  loadLast(): Snapshot | undefined {
    const state = this.lastState();
    if (state === undefined) return undefined;
    const [weights, optimizer] = [WEIGHTS, OPTIMIZER].map((name) => {
      this.#mustBeWhole(name);
      using file = openSafetensors(this.#path(name));
      const step = file.metadata.get("step");
      if (step !== String(state.step)) {
        throw new UserError(`${file.path} is of step ${step}, but ${STATE} of ${state.step}`);
      }
      return this.#read(file, name);
    });
    return { weights: weights!, optimizer: optimizer!, state };
  }

  /** Finishes a save that was cut short after its files were whole, or drops what there is of one cut short before. */
  protected settle(): void {
    const isWhole = exists(this.#next(STATE));
    for (const name of FILES) {
      const next = this.#next(name);
      if (!exists(next)) continue;
      // The state is renamed last: until then the next call comes here again.
      if (isWhole) Deno.renameSync(next, this.#path(name));
      else remove(next);
    }
  }

  /** Throws a UserError that says what else of the run can be used, where a file is not as it was written. */
  #mustBeWhole(name: string): void {
    const path = this.#path(name);
    const soundness = verifyChecksum(path);
    if (soundness === "whole") return;
    // Files of one run are of one version: a checksum that one alone is without has been damaged.
    if (soundness === "missing" && ![BEST, ...FILES].some((other) => isWhole(this.#path(other)))) {
      throw new UserError(
        `${path} has no checksum: an older version of unis made this run, which must be trained again`,
      );
    }
    throw new UserError(`${path} is damaged: its contents do not match its checksum. ${this.#wayOut(name)}`);
  }

  #read(file: TensorFile, name: string): Arrays {
    const arrays = new Map(
      Array.from(file.tensors, ([name, { shape }]) => [name, { shape, data: file.readFloat32(name) }]),
    );
    mustBeFinite(arrays, `Cannot use ${file.path}`, this.#wayOut(name));
    return arrays;
  }

  /** What to do where a file of a run cannot be used. */
  #wayOut(name: string): string {
    if (name === BEST) {
      return FILES.every((file) => isWhole(this.#path(file)))
        ? "The last checkpoint of the run is whole: go on from it by --resume with more --epochs, which keeps a new best"
        : "Restore it from a copy, or train again";
    }
    return this.hasBest
      ? `To go on training, restore it from a copy or train again; ${BEST} is whole, so evaluate and export still work`
      : "Restore it from a copy, or train again";
  }

  #path(name: string): string {
    return join(this.#folder, name);
  }

  #next(name: string): string {
    return this.#path(`next.${name}`);
  }
}

/** The temperatures of heads that were fitted for the weights of a file; none where it says nothing of them. */
export function temperaturesOf({ path, metadata }: Pick<TensorFile, "path" | "metadata">): Temperatures {
  const found = temperaturesSchema.safeParse(JSON.parse(metadata.get(TEMPERATURES) ?? "{}"));
  if (found.success) return found.data;
  throw new UserError(`${path} has temperatures that are none: ${metadata.get(TEMPERATURES)}`);
}

function isWhole(path: string): boolean {
  return exists(path) && verifyChecksum(path) === "whole";
}

/** Throws a UserError, which begins with `what` and ends with `wayOut`, where weights or moments are not finite. */
function mustBeFinite(arrays: Arrays, what: string, wayOut = "Training has diverged"): void {
  const names = Array.from(arrays).filter(([name, { data }]) => !MAY_OVERFLOW.test(name) && !allFinite(data))
    .map(([name]) => name);
  if (names.length === 0) return;
  throw new UserError(`${what}: NaN or infinity is in ${listed(names, LISTED)}. ${wayOut}`);
}

function save(path: string, arrays: Arrays, metadata: Readonly<Record<string, string>>): void {
  writeSafetensors(path, toStore(arrays), metadata, { checksum: true });
}

function toStore(arrays: Arrays): Record<string, TensorToStore> {
  return Object.fromEntries(
    Array.from(arrays, ([name, { shape, data }]) => [name, { dtype: "F32", shape, data }]),
  );
}
