/** Reads the file of a sweep, which says what trials are drawn from and how the best of them is found. */
import * as z from "zod";
import { UserError } from "../base/user_error.ts";
import { explain } from "../config/explain.ts";
import { count, whole } from "../config/values.ts";
import { METRIC_NAMES } from "../metrics/chosen_metric.ts";
import { checkCommon, common, mustDiffer, readExtended } from "./experiment_file.ts";

/** What a setting is drawn from: one of some values, or a number of a range, ends included. */
const parameterSchema = z.union([
  z.array(z.unknown()).min(1),
  z.strictObject({
    min: z.number(),
    max: z.number(),
    /** Uniform in the number or in its logarithm. */
    scale: z.enum(["linear", "log"]).default("linear"),
    integer: z.boolean().default(false),
  }),
], { error: "a list of values, or {min, max} with scale (linear or log) and integer (true or false)" });

export const STRATEGIES = ["random", "halving"] as const;

const sweepSchema = z.strictObject({
  ...common,
  /** The method, as `--method` names it, unless it is drawn; else that of `config` or of the preset. */
  method: z.string().min(1).optional(),
  /** By keys as `--set` has them. */
  space: z.record(z.string().min(1), parameterSchema),
  /** Trials that are drawn, if the space has as many. */
  trials: count.default(20),
  /** Picks the random numbers that trials are drawn by. */
  draw_seed: whole.min(0).default(1),
  /** What trials are compared by, on the validation split; `training.metric` of all of them. */
  metric: z.enum(METRIC_NAMES).optional(),
  /** Random: every trial trains to its end. Halving: one in `eta` goes on from each rung to the next. */
  strategy: z.enum(STRATEGIES).default("random"),
  halving: z.strictObject({
    eta: whole.min(2).default(3),
    /** Epochs of the first rung; each further one has `eta` times as many. */
    min_epochs: count.default(1),
  }).prefault({}),
});

export type SweepFile = z.infer<typeof sweepSchema>;
export type Parameter = z.infer<typeof parameterSchema>;
/** A range of numbers. */
export type Range = Exclude<Parameter, unknown[]>;

/** What decides which samples validate, what is right about them, or which run of a trial it is: trials must have it in common. */
const SHARED =
  /^(seed|training\.metric|data\.(name|root|file|layout|labels?|classes|split|split_seed|group|folds?|id|validation_\w+|test_share))$/;

/** Reads a YAML or JSON file, which may extend another. Throws a UserError naming file, key, and what is expected. */
export function readSweep(path: string): SweepFile {
  return parseSweep(readExtended(path), path);
}

/** Checks the content of a file; `source` is its name. */
export function parseSweep(value: unknown, source: string): SweepFile {
  const result = sweepSchema.safeParse(value);
  if (!result.success) {
    throw new UserError(`${source}: ${explain(sweepSchema, result.error.issues[0]!, value)}`);
  }
  const file = result.data;
  checkCommon(file, source);
  if (Object.keys(file.space).length === 0) {
    throw new UserError(
      `${source}: "space" must hold at least one key of a setting, such as "optimizer.head_learning_rate"`,
    );
  }
  for (const [key, parameter] of Object.entries(file.space)) {
    const wrong = wrongWith(key, parameter, file);
    if (wrong !== undefined) throw new UserError(`${source}: "space.${key}" ${wrong}`);
    if (Array.isArray(parameter)) {
      mustDiffer(parameter.map((one) => JSON.stringify(one)), `space.${key}`, source);
    }
  }
  return file;
}

function wrongWith(key: string, parameter: Parameter, { strategy, method }: SweepFile): string | undefined {
  if (SHARED.test(key)) {
    return 'cannot be drawn: trials are compared on the same samples by the same metric, and seeds are listed as "seeds"';
  }
  if (key === "method" && method !== undefined) return 'and "method" are both given';
  if (key === "training.epochs" && strategy === "halving") {
    return "cannot be drawn with halving, which compares trials of equal epochs";
  }
  if (Array.isArray(parameter)) return undefined;
  const { min, max, scale, integer } = parameter;
  if (min >= max) return `must have "min" below "max", got ${min} and ${max}`;
  if (scale === "log" && min <= 0) return `must have "min" above 0 for scale log, got ${min}`;
  return integer && !(Number.isInteger(min) && Number.isInteger(max))
    ? `must have whole ends where "integer" is true, got ${min} and ${max}`
    : undefined;
}
