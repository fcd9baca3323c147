/** Configurations with the field names of Hugging Face's `config.json`. */
import { UserError } from "../../base/user_error.ts";

const REALS = new Set(["layer_norm_eps", "initializer_range"]);
const MAY_BE_ZERO = new Set(["pad_token_id"]);
const CHOICES: Readonly<Record<string, readonly string[]>> = {
  hidden_act: ["gelu", "relu"],
  dense_initializer: ["normal", "xavier_normal"],
};

/** What is wrong with a value of a field; undefined if nothing. */
function fault(key: string, value: unknown, example: unknown): string | undefined {
  const choices = CHOICES[key];
  if (choices) return choices.includes(value as string) ? undefined : `one of ${choices.join(", ")}`;
  if (typeof value !== typeof example) return `a ${typeof example}`;
  if (typeof value !== "number") return undefined;
  if (key.endsWith("_prob")) return value >= 0 && value < 1 ? undefined : "at least 0 and below 1";
  if (REALS.has(key)) return value > 0 && Number.isFinite(value) ? undefined : "above 0";
  const least = MAY_BE_ZERO.has(key) ? 0 : 1;
  return Number.isSafeInteger(value) && value >= least ? undefined : `a whole number, at least ${least}`;
}

/**
 * The fields of `defaults`, each as given or else by default; other fields of `given` are of no concern. Throws a
 * UserError that names the field where a value has the wrong type or range.
 */
export function readConfig<T extends object>(what: string, defaults: T, given: object): T {
  const values = given as Readonly<Record<string, unknown>>;
  const entries = Object.entries(defaults).map(([key, example]) => {
    const value = values[key] ?? example;
    const wanted = fault(key, value, example);
    if (wanted !== undefined) {
      throw new UserError(`Cannot use ${key} = ${JSON.stringify(value)} for ${what}: it must be ${wanted}`);
    }
    return [key, value];
  });
  return Object.fromEntries(entries) as T;
}

/** Throws a UserError where the heads do not divide the width. */
export function checkHeads(
  what: string,
  config: { readonly hidden_size: number; readonly num_attention_heads: number },
): void {
  const { hidden_size, num_attention_heads } = config;
  if (hidden_size % num_attention_heads !== 0) {
    throw new UserError(
      `Cannot split hidden_size = ${hidden_size} of ${what} into num_attention_heads = ${num_attention_heads}: ` +
        "it must be a multiple",
    );
  }
}
