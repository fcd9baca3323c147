/**
 * A run as TensorBoard shows it: a folder for training, for validation and for the test, so that they share their charts,
 * and the configuration as hyperparameters of all three.
 */
import { dirname, join } from "node:path";
import { reason, writeFully } from "../io/file_bytes.ts";
import { exists } from "../io/files.ts";
import {
  eventFile,
  type Hyperparameters,
  hyperparametersFile,
  moreEvents,
  type Scalars,
} from "../io/event_file.ts";
import { syncFolder } from "../io/new_file.ts";
import { UserError } from "../base/user_error.ts";
import type { RunConfig } from "../config/run_config.ts";
import type { PairShares } from "../metrics/metrics.ts";
import type { EpochRecord, Evaluation } from "./records.ts";

const PREFIX = "events.out.tfevents.";

/** What TensorBoard is told of a run. */
export interface Told {
  readonly config: RunConfig;
  readonly records: readonly EpochRecord[];
  /** Once the run has been tested. */
  readonly test?: Evaluation | undefined;
}

/**
 * The event files of a run in `folder`. Their bytes follow from their name and the run alone, times being those of its beginning
 * and the epochs' seconds: written again, what stays of a file is the same, and TensorBoard may read on meanwhile.
 */
export class EventFiles {
  readonly #folder: string;
  /** How many records the files tell, and the time at the end of these; not given where they may be anything. */
  #told: { readonly records: number; readonly end: number } | undefined;
  /** How long each file was when it was written last. */
  readonly #sizes = new Map<string, number>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Makes the files say what the run does, no more and no less, and has them on the disk. `now` is when a new file begins. */
  tell(told: Told, now = Date.now() / 1000): void {
    this.#change(() => {
      const name = this.#name() ?? `${PREFIX}${Math.floor(now)}.${Deno.hostname()}`;
      const begun = beginningOf(name);
      this.#write(join(this.#folder, name), hyperparametersFile(begun, hyperparametersOf(told.config)));
      for (const [part, scalars] of Object.entries(scalarsOf(told, begun, isByStep(told.config)))) {
        // A file is emptied where its epochs are to be trained again.
        if (scalars.length === 0 && !exists(join(this.#folder, part))) continue;
        this.#write(join(this.#folder, part, name), eventFile(begun, scalars));
      }
      return { records: told.records.length, end: timesOf(told.records, begun).at(-1) ?? begun };
    });
  }

  /**
   * Adds the record of a number, from 1, to files that tell all before it: else the last of many epochs would take longer than the
   * first. False where they do not, or are not as they were left; nothing is written then.
   */
  add(config: RunConfig, record: EpochRecord, number: number): boolean {
    const told = this.#told, name = this.#name();
    if (told?.records !== number - 1 || name === undefined) return false;
    if (![...this.#sizes].every(([path, size]) => path.endsWith(name) && sizeOf(path) === size)) return false;
    this.#change(() => {
      const records = [record];
      const { training, validation } = scalarsOf({ records }, told.end, isByStep(config));
      for (const [part, scalars] of Object.entries({ training, validation })) {
        const path = join(this.#folder, part, name);
        const size = this.#sizes.get(path);
        if (scalars.length === 0) continue;
        if (size === undefined) this.#write(path, eventFile(beginningOf(name), scalars));
        else this.#write(path, moreEvents(scalars), size);
      }
      return { records: number, end: timesOf(records, told.end)[0]! };
    });
    return true;
  }

  /** Changes the files by `body`, which gives what they tell then. */
  #change(body: () => { records: number; end: number }): void {
    this.#told = undefined;
    try {
      Deno.mkdirSync(this.#folder, { recursive: true });
      this.#told = body();
    } catch (error) {
      throw new UserError(`Cannot write event files to ${this.#folder}: ${reason(error)}`);
    }
  }

  /** What the files are called, once there are some. */
  #name(): string | undefined {
    if (!exists(this.#folder)) return undefined;
    return Array.from(Deno.readDirSync(this.#folder), ({ name }) => name).find((name) =>
      name.startsWith(PREFIX)
    );
  }

  /** Writes over what a file holds from `from` on, rather than anew: a reader of it keeps its place. */
  #write(path: string, bytes: Uint8Array, from = 0): void {
    Deno.mkdirSync(dirname(path), { recursive: true });
    using file = Deno.openSync(path, { write: true, create: true });
    file.seekSync(from, Deno.SeekMode.Start);
    writeFully(file, bytes);
    file.truncateSync(from + bytes.length);
    file.syncSync();
    // It may be new, and so may its folder.
    if (!this.#sizes.has(path)) [dirname(path), dirname(dirname(path))].forEach(syncFolder);
    this.#sizes.set(path, from + bytes.length);
  }
}

/** Seconds since 1970, which stand in the name of an event file. */
const beginningOf = (name: string) => Number(name.slice(PREFIX.length).split(".")[0]);
/** The times at which records end, after another. */
const timesOf = (records: readonly EpochRecord[], begun: number) =>
  records.map(({ seconds }) => begun += seconds);
const isByStep = ({ training }: RunConfig) => training.validation_every !== null;

function sizeOf(path: string): number | undefined {
  return exists(path) ? Deno.statSync(path).size : undefined;
}

/**
 * The scalars of training, validation and test; a step is an epoch, that of the test the epoch whose weights it is of. Where
 * there are validations within epochs, a step is one of the optimizer.
 */
export function scalarsOf(
  { records, test }: Omit<Told, "config">,
  begun: number,
  isByStep = false,
): Record<"training" | "validation" | "test", Scalars[]> {
  const times = timesOf(records, begun);
  const each = (valuesOf: (record: EpochRecord) => Scalars["values"]) =>
    records.map((record, i) => ({
      step: stepOf(record),
      time: times[i]!,
      values: valuesOf(record),
    }));
  const stepOf = ({ epoch, step }: Pick<EpochRecord, "epoch" | "step">) => isByStep ? step : epoch;
  return {
    training: each((record) => ({
      ...tagged("loss", record.training_loss),
      ...tagged("accuracy", record.training_accuracy),
      ...taggedPairs(record.pairs),
      ...tagged("learning_rate", record.learning_rates),
      ...tagged("epoch", {
        seconds: record.seconds,
        ...(record.input_wait_seconds !== undefined && { input_wait_seconds: record.input_wait_seconds }),
        ...(record.loss_scale !== undefined && { loss_scale: record.loss_scale }),
        ...(record.gradient_noise !== undefined && { gradient_noise: record.gradient_noise }),
        ...(record.skipped_steps !== undefined && { skipped_steps: record.skipped_steps }),
      }),
    })).flatMap((epoch, i) => {
      const record = records[i]!;
      return Number.isInteger(record.epoch) ? [...within(record, epoch.time), epoch] : [epoch];
    }),
    validation: each((
      {
        validation_loss = {},
        validation_accuracy = {},
        metric,
        validation_metric = {},
        validation_pairs = {},
      },
    ) => ({
      ...tagged("loss", validation_loss),
      ...tagged("accuracy", validation_accuracy),
      ...(metric !== undefined && metric !== "loss" && tagged(metric, validation_metric)),
      ...taggedPairs(validation_pairs),
    })).filter(({ values }) => Object.keys(values).length > 0),
    test: test === undefined ? [] : [{
      step: stepOf(records.find(({ epoch }) => epoch === test.epoch) ?? { epoch: test.epoch, step: 0 }),
      time: times.at(-1) ?? begun,
      values: {
        ...tagged("loss", test.loss),
        ...tagged("accuracy", test.accuracy),
        ...Object.assign({}, ...TESTED.map((measure) => tagged(measure, test[measure] ?? {}))),
        ...taggedPairs(test.pairs),
      },
    }],
  };
}

/** Measures of a test, as far as its task has them. */
const TESTED = [
  "macro_f1",
  "weighted_f1",
  "top_2",
  "top_5",
  "auc",
  "balanced_accuracy",
  "average_precision",
  "label_accuracy",
  "micro_f1",
  "samples_f1",
  "mae",
  "rmse",
  "r2",
  "pearson",
] as const;

/** The loss within an epoch, whose steps are those of the optimizer. */
function within({ epoch, step, seconds, training_loss_within_epoch: losses = [] }: EpochRecord, end: number) {
  const share = (i: number) => 1 - (i + 1) / losses.length;
  return losses.map((loss, i) => ({
    step: Math.round(step * (1 - share(i) / epoch)),
    time: end - seconds * share(i),
    values: { "loss_by_step/total": loss },
  }));
}

/** The values of a configuration by their keys, such as "optimizer.weight_decay"; a list as one text. */
export function hyperparametersOf(config: RunConfig): Hyperparameters {
  const values: [string, Hyperparameters[string]][] = [];
  const gather = (prefix: string, value: unknown) => {
    if (Array.isArray(value)) values.push([prefix, JSON.stringify(value)]);
    else if (typeof value === "object" && value !== null) {
      for (const [key, inner] of Object.entries(value)) gather(prefix ? `${prefix}.${key}` : key, inner);
    } else values.push([prefix, value as Hyperparameters[string]]);
  };
  gather("", config);
  return Object.fromEntries(values);
}

function tagged(prefix: string, values: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [`${prefix}/${name}`, value]));
}

function taggedPairs(pairs: Readonly<Record<string, PairShares>>): Record<string, number> {
  return Object.assign(
    {},
    ...Object.entries(pairs).map(([pair, shares]) => tagged(`pairs/${pair}`, { ...shares })),
  );
}
