/** RunCheckpoints: the weights of the best epoch, and everything that going on from the last save takes. */
import { join } from "node:path";
import { writeJsonFile } from "../io/json_file.ts";
import { openSafetensors, type TensorToStore, writeSafetensors } from "../io/safetensors.ts";
import { UserError } from "../base/user_error.ts";
import * as z from "zod";
import { exists, readJson, remove } from "../io/files.ts";

/** Arrays by name, as they stand in a file. */
export type Arrays = ReadonlyMap<
  string,
  { readonly shape: readonly number[]; readonly data: Float32Array<ArrayBuffer> }
>;

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
  best: z.strictObject({ epoch: z.int().min(1), accuracy: z.number() }).nullable(),
  /** Why training is over, if it is. */
  ended: z.enum(["all epochs", "early stopping"]).nullable(),
  /** Of training in all, and of the epoch under way. */
  seconds: z.number(),
  epoch_seconds: z.number(),
  /** Of the epoch under way, what was spent waiting for batches. */
  epoch_input_wait: z.number().default(0),
});

export type TrainingState = z.infer<typeof stateSchema>;

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

export class RunCheckpoints {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  get best(): string {
    return join(this.#folder, "best.safetensors");
  }

  saveBest(weights: Arrays, epoch: number, accuracy: number): void {
    writeSafetensors(this.best, toStore(weights), {
      epoch: String(epoch),
      validation_accuracy: String(accuracy),
    });
  }

  /** The weights of the best epoch, and which that is. Throws a UserError where none has been saved. */
  loadBest(): { weights: Arrays; epoch: number } {
    if (!exists(this.best)) {
      throw new UserError(`There is no ${this.best}: the run has not finished an epoch yet`);
    }
    const { arrays, metadata } = load(this.best);
    return { weights: arrays, epoch: Number(metadata.get("epoch")) };
  }

  /**
   * Saves in two phases, so that a crash at any moment leaves one whole snapshot, the old or the new: all files are
   * written beside the old ones, the state as the last, and then take their names.
   */
  saveLast({ weights, optimizer, state }: Snapshot): void {
    this.#settle();
    writeSafetensors(this.#next(WEIGHTS), toStore(weights), { step: String(state.step) });
    writeSafetensors(this.#next(OPTIMIZER), toStore(optimizer), { step: String(state.step) });
    writeJsonFile(this.#next(STATE), state);
    this.#settle();
  }

  /** The state of the last snapshot, or undefined where there is none. Throws a UserError where it is damaged. */
  lastState(): TrainingState | undefined {
    this.#settle();
    const file = join(this.#folder, STATE);
    if (!exists(file)) return undefined;
    const state = stateSchema.safeParse(readJson(file));
    if (state.success) return state.data;
    const { path, message } = state.error.issues[0]!;
    throw new UserError(`${file} is not a state of training: ${path.join(".")}: ${message}`);
  }

  /** The last snapshot, or undefined where there is none. Throws a UserError where it is damaged. */
  loadLast(): Snapshot | undefined {
    const state = this.lastState();
    if (state === undefined) return undefined;
    const [weights, optimizer] = [WEIGHTS, OPTIMIZER].map((name) => {
      const path = join(this.#folder, name);
      const { arrays, metadata } = load(path);
      if (metadata.get("step") !== String(state.step)) {
        throw new UserError(`${path} is of step ${metadata.get("step")}, but ${STATE} of ${state.step}`);
      }
      return arrays;
    });
    return { weights: weights!, optimizer: optimizer!, state };
  }

  /** Finishes a save that was cut short after its files were whole, or drops what there is of one cut short before. */
  #settle(): void {
    const isWhole = exists(this.#next(STATE));
    for (const name of FILES) {
      const next = this.#next(name);
      if (!exists(next)) continue;
      // The state is renamed last: until then the next call comes here again.
      if (isWhole) Deno.renameSync(next, join(this.#folder, name));
      else remove(next);
    }
  }

  #next(name: string): string {
    return join(this.#folder, `next.${name}`);
  }
}

function toStore(arrays: Arrays): Record<string, TensorToStore> {
  return Object.fromEntries(
    Array.from(arrays, ([name, { shape, data }]) => [name, { dtype: "F32", shape, data }]),
  );
}

function load(path: string): { arrays: Arrays; metadata: ReadonlyMap<string, string> } {
  using file = openSafetensors(path);
  const arrays = new Map(
    Array.from(file.tensors, ([name, { shape }]) => [name, { shape, data: file.readFloat32(name) }]),
  );
  return { arrays, metadata: file.metadata };
}
