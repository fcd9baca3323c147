/**
 * The fields of an encoder's configuration, declared once as plain data with Hugging Face's names: the schema of a run's
 * configuration, the reading of a `config.json` and the TypeScript type of the configuration all follow from it.
 */
import { UserError } from "../../base/user_error.ts";
import { ACTIVATION_NAMES } from "../../ops/activations.ts";

export type FieldValue = number | string | boolean | readonly number[];

/** One field: the values it may hold, the one it holds where nothing is said, and who says it. */
export type Field<T extends FieldValue = FieldValue> = {
  readonly type: "whole" | "counts" | "real" | "flag" | "choice";
  /** The value where nothing is said: that of Hugging Face's configuration class. */
  readonly default: T;
  /** The name of an earlier field whose value it has where nothing is said, rather than the default. */
  readonly sameAs?: string;
  /** Bounds of numbers: at least, more than, less than. */
  readonly minimum?: number;
  readonly above?: number;
  readonly below?: number;
  /** The values of a choice, or the only one of a flag. */
  readonly options?: readonly T[];
  /**
   * "required": the configuration of a run must say it. "optional": it may, and otherwise the data or the default decide.
   * "derived": the data alone decide, and the configuration has no such key.
   */
  readonly setting: "required" | "optional" | "derived";
  /** True for a field that Hugging Face's configurations do not have; exports leave it out. */
  readonly isOwn?: boolean;
};

export type Fields = Readonly<Record<string, Field>>;

/** The configuration that fields describe. */
export type ConfigOf<F extends Fields> = {
  readonly [K in keyof F]: F[K] extends Field<infer T> ? T : never;
};

/**
 * Declares a whole number, at least 1. Like the other functions here, it takes the default and makes a field that a run's
 * configuration must say; `optional` and `derived` change that.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { choice, count, derived, optional, probability } from "unis/models";
 * import { readFields } from "./fields.ts";
 *
 * const fields = {
 *   hidden_size: count(64),
 *   dropout: optional(probability(0.1)),
 *   act: choice(["gelu", "relu"], "gelu"),
 *   input_size: derived(count(1)),
 * };
 * const config = readFields("an encoder", fields, [], { hidden_size: 32 });
 * assert.deepEqual(config, { hidden_size: 32, dropout: 0.1, act: "gelu", input_size: 1 });
 * assert.throws(() => readFields("an encoder", fields, [], { dropout: 1 }), /dropout = 1 .* below 1/);
 * ```
 */
export function count(value: number): Field<number> {
  return { type: "whole", minimum: 1, default: value, setting: "required" };
}

/** Declares whole numbers, each at least 1, such as one for each stage of a network; there is at least one. */
export function counts(values: readonly number[]): Field<readonly number[]> {
  return { type: "counts", minimum: 1, default: values, setting: "required" };
}

/** Declares a whole number, at least 0. */
export function whole(value: number): Field<number> {
  return { type: "whole", minimum: 0, default: value, setting: "required" };
}

/** Declares a number above 0. */
export function positive(value: number): Field<number> {
  return { type: "real", above: 0, default: value, setting: "required" };
}

/** Declares a number that is at least 0 and below 1. */
export function probability(value: number): Field<number> {
  return { type: "real", minimum: 0, below: 1, default: value, setting: "required" };
}

/** Declares a truth value. */
export function flag(value: boolean): Field<boolean> {
  return { type: "flag", default: value, setting: "required" };
}

/** Declares one of some values. */
export function choice<const T extends number | string>(
  options: readonly T[],
  value: NoInfer<T>,
): Field<T> {
  return { type: "choice", options, default: value, setting: "required" };
}

/** Gives the same field, which a run's configuration need not say. */
export function optional<T extends FieldValue>(field: Field<T>): Field<T> {
  return { ...field, setting: "optional" };
}

/** Gives the same field, decided by the data alone. */
export function derived<T extends FieldValue>(field: Field<T>): Field<T> {
  return { ...field, setting: "derived" };
}

/** Gives the fields of all transformers, as in `TransformerConfig`; `dropout` is the default of both kinds of dropout. */
export function transformerFields(dropout: number) {
  return {
    hidden_size: count(768),
    num_hidden_layers: count(12),
    num_attention_heads: count(12),
    intermediate_size: count(3072),
    hidden_act: choice(ACTIVATION_NAMES, "gelu"),
    hidden_dropout_prob: probability(dropout),
    attention_probs_dropout_prob: probability(dropout),
    layer_norm_eps: positive(1e-12),
    /** The standard deviation of the initial values of embeddings, and of dense layers that begin "normal". */
    initializer_range: positive(0.02),
    dense_initializer: { ...choice(["normal", "xavier_normal"], "normal"), isOwn: true },
  };
}

/** Pairs of fields of which the first must be a multiple of the second. */
export type Multiples<K extends string = string> = readonly (readonly [multiple: K, of: K])[];

/**
 * Reads the fields, each as given or else by default; what else is given is of no concern. `what` names the encoder, such as "a
 * BERT". Throws a UserError that names the field where a value has the wrong type or range, or is no multiple.
 */
export function readFields<F extends Fields>(
  what: string,
  fields: F,
  multiples: Multiples<keyof F & string>,
  given: object,
): ConfigOf<F> {
  const values = given as Readonly<Record<string, unknown>>;
  const refuse = (key: string, value: unknown, wanted: string) =>
    new UserError(`Cannot use ${key} = ${JSON.stringify(value)} for ${what}: it must be ${wanted}`);
  const config: Record<string, FieldValue> = {};
  for (const [key, field] of Object.entries(fields)) {
    const said = field.type === "choice" ? wordsOf(values[key]) : values[key];
    const value = said ?? (field.sameAs ? config[field.sameAs] : field.default);
    const wanted = fault(field, value);
    if (wanted !== undefined) throw refuse(key, value, wanted);
    config[key] = value as FieldValue;
  }
  for (const [multiple, of] of multiples) {
    const [a, b] = [config[multiple] as number, config[of] as number];
    if (a % b !== 0) throw refuse(multiple, a, `a multiple of ${of} = ${b}`);
  }
  return config as ConfigOf<F>;
}

/** A list of words as one value, as Hugging Face has written it as well: ["p2c", "c2p"] is "p2c|c2p". */
function wordsOf(value: unknown): unknown {
  return Array.isArray(value) ? value.join("|") || "none" : value;
}

/** Says what a value must be, where it is not that; undefined if nothing is wrong. */
function fault(
  { type, minimum = -Infinity, above = -Infinity, below = Infinity, options = [] }: Field,
  value: unknown,
): string | undefined {
  if (type === "choice") {
    if (options.includes(value as FieldValue)) return undefined;
    return options.length === 1 ? String(options[0]) : `one of ${options.join(", ")}`;
  }
  if (type === "flag") {
    if (typeof value !== "boolean") return "a boolean";
    return options.length === 0 || options.includes(value) ? undefined : String(options[0]);
  }
  const isWhole = (one: unknown) => Number.isSafeInteger(one) && one as number >= minimum;
  if (type === "counts") {
    const isRight = Array.isArray(value) && value.length > 0 && value.every(isWhole);
    return isRight ? undefined : `a list of whole numbers, each at least ${minimum}`;
  }
  if (typeof value !== "number") return "a number";
  if (type === "whole") return isWhole(value) ? undefined : `a whole number, at least ${minimum}`;
  if (Number.isFinite(value) && value >= minimum && value > above && value < below) return undefined;
  return [
    ...(minimum > -Infinity ? [`at least ${minimum}`] : []),
    ...(above > -Infinity ? [`above ${above}`] : []),
    ...(below < Infinity ? [`below ${below}`] : []),
  ].join(" and ");
}
