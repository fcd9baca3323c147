/**
 * The checkpoints of a run: the weights of the best epoch, and everything that going on from the last save takes. No file holds NaN
 * or infinity where weights and moments are.
 */
import { basename } from "node:path";
import { allFinite } from "../base/finite.ts";
import { openSafetensors, safetensorsParts, type TensorFile, type TensorToStore } from "../io/safetensors.ts";
import type { Temperatures } from "../metrics/calibration.ts";
import type { MetricName } from "../metrics/chosen_metric.ts";
import { listed } from "../base/listing.ts";
import { UserError } from "../base/user_error.ts";
import * as z from "zod";
import { readJson } from "../io/files.ts";
import type { RunFiles } from "./run_files.ts";

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

const WEIGHTS = "checkpoints/last.safetensors";
const OPTIMIZER = "checkpoints/last.optimizer.safetensors";
const STATE = "checkpoints/last.json";
const BEST = "checkpoints/best.safetensors";
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
  readonly #files: RunFiles;

  constructor(files: RunFiles) {
    this.#files = files;
  }

  get best(): string {
    return this.#files.path(BEST);
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
    this.#save(BEST, weights, {
      epoch: String(epoch),
      [`validation_${metric}`]: String(score),
      ...(Object.keys(temperatures).length > 0 && { [TEMPERATURES]: JSON.stringify(temperatures) }),
    });
  }

  /** Opens the weights of the best epoch. Throws a UserError where none has been saved, or the file is damaged. */
  openBest(): TensorFile {
    if (!this.#files.has(BEST)) {
      throw new UserError(`There is no ${this.best}: the run has not finished an epoch yet`);
    }
    return openSafetensors(this.#whole(BEST));
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

  /** True where the weights of the best epoch are there. Throws a UserError where they are damaged. */
  get hasBest(): boolean {
    if (!this.#files.isThere(BEST)) return false;
    this.#whole(BEST);
    return true;
  }

  /**
   * Saves a snapshot, all of it or nothing. Throws a UserError, and leaves what there is, where weights or moments are not
   * finite.
   */
  saveLast({ weights, optimizer, state }: Snapshot): void {
    mustBeFinite(weights, `Cannot save ${this.#files.path(WEIGHTS)}`);
    mustBeFinite(optimizer, `Cannot save ${this.#files.path(OPTIMIZER)}`);
    this.#files.together(() => {
      this.#save(WEIGHTS, weights, { step: String(state.step) });
      this.#save(OPTIMIZER, optimizer, { step: String(state.step) });
      this.#files.writeJson(STATE, state);
    });
  }

  /** The state of the last snapshot, or undefined where there is none. Throws a UserError where it is damaged. */
  lastState(): TrainingState | undefined {
    if (!this.#files.has(STATE)) return undefined;
    const state = stateSchema.safeParse(readJson(this.#whole(STATE)));
    if (state.success) return state.data;
    const { path, message } = state.error.issues[0]!;
    throw new UserError(
      `${this.#files.path(STATE)} is not a state of training: ${path.join(".")}: ${message}`,
    );
  }

  /** The last snapshot, or undefined where there is none. Throws a UserError where it is damaged or not finite. */
  loadLast(): Snapshot | undefined {
    const state = this.lastState();
    if (state === undefined) return undefined;
    const [weights, optimizer] = [WEIGHTS, OPTIMIZER].map((name) => {
      using file = openSafetensors(this.#whole(name));
      const step = file.metadata.get("step");
      if (step !== String(state.step)) {
        throw new UserError(`${file.path} is of step ${step}, but ${basename(STATE)} of ${state.step}`);
      }
      return this.#read(file, name);
    });
    return { weights: weights!, optimizer: optimizer!, state };
  }

  #save(name: string, arrays: Arrays, metadata: Readonly<Record<string, string>>): void {
    this.#files.write(name, safetensorsParts(toStore(arrays), metadata));
  }

  #whole(name: string): string {
    return this.#files.whole(name, () => this.#wayOut(name));
  }

  #read(file: TensorFile, name: string): Arrays {
    const arrays = new Map(
      Array.from(file.tensors, ([name, { shape }]) => [name, { shape, data: file.readFloat32(name) }]),
    );
    mustBeFinite(arrays, `Cannot use ${file.path}`, () => this.#wayOut(name));
    return arrays;
  }

  /** What to do where a file of a run cannot be used. */
  #wayOut(name: string): string {
    if (name === BEST) {
      const without = this.#files.isThere(BEST) ? "remove it" : "do without it";
      return [WEIGHTS, OPTIMIZER, STATE].every((file) => this.#isWhole(file))
        ? `Restore it from a copy; or ${without}, for the last checkpoint of the run is whole: go on from that by --resume, ` +
          "with more --epochs where it has finished, which keeps a new best"
        : "Restore it from a copy, or train again";
    }
    return this.#isWhole(BEST)
      ? `To go on training, restore it from a copy or train again; ${
        basename(BEST)
      } is whole, so evaluate and export still work`
      : "Restore it from a copy, or train again";
  }

  #isWhole(name: string): boolean {
    try {
      return this.#files.has(name) && this.#files.whole(name, () => "") !== "";
    } catch (error) {
      if (error instanceof UserError) return false;
      throw error;
    }
  }
}

/** The temperatures of heads that were fitted for the weights of a file; none where it says nothing of them. */
export function temperaturesOf({ path, metadata }: Pick<TensorFile, "path" | "metadata">): Temperatures {
  const found = temperaturesSchema.safeParse(JSON.parse(metadata.get(TEMPERATURES) ?? "{}"));
  if (found.success) return found.data;
  throw new UserError(`${path} has temperatures that are none: ${metadata.get(TEMPERATURES)}`);
}

/** Throws a UserError, which begins with `what` and ends with `wayOut`, where weights or moments are not finite. */
function mustBeFinite(arrays: Arrays, what: string, wayOut = () => "Training has diverged"): void {
  const names = Array.from(arrays).filter(([name, { data }]) => !MAY_OVERFLOW.test(name) && !allFinite(data))
    .map(([name]) => name);
  if (names.length === 0) return;
  throw new UserError(`${what}: NaN or infinity is in ${listed(names, LISTED)}. ${wayOut()}`);
}

function toStore(arrays: Arrays): Record<string, TensorToStore> {
  return Object.fromEntries(
    Array.from(arrays, ([name, { shape, data }]) => [name, { dtype: "F32", shape, data }]),
  );
}
