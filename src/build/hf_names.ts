/** The names of tensors in Hugging Face's checkpoints, and which of our parameters they are. */
import type { CheckpointFormat, Renames } from "../models/encoders/encoder.ts";

/** The names that TensorFlow gave to parameters of norms, which checkpoints converted long ago still have. */
const OLD_ENDINGS: Readonly<Record<string, string>> = { gamma: "weight", beta: "bias" };

/** Our name of the tensor that a checkpoint stores as `key`; undefined for one that is of no use. */
export function parameterName(format: CheckpointFormat, key: string): string | undefined {
  return format.ignored.test(withoutPrefix(format, key)) ? undefined : ownName(format, key);
}

function withoutPrefix({ prefix }: CheckpointFormat, key: string): string {
  return key.startsWith(prefix) ? key.slice(prefix.length) : key;
}

function ownName(format: CheckpointFormat, key: string): string {
  const name = withoutPrefix(format, key);
  const modern = name.replace(/(?<=LayerNorm\.)(gamma|beta)$/, (ending) => OLD_ENDINGS[ending]!);
  return renamed(modern, format.renames ?? []);
}

/** The name of our parameter in a checkpoint of the encoder alone, without prefix. */
export function checkpointName({ renames = [] }: Pick<CheckpointFormat, "renames">, name: string): string {
  return renamed(name, renames.map(([theirs, ours]) => [ours, theirs]));
}

/** Replaces the start of a name, by the first pair whose first template is that start; numbers keep their order. */
function renamed(name: string, pairs: Renames): string {
  for (const [from, to] of pairs) {
    const pattern = from.replaceAll(".", "\\.").replaceAll("*", "(\\d+)");
    const match = new RegExp(`^${pattern}(?=\\.|$)`).exec(name);
    if (match === null) continue;
    const [start, ...numbers] = match;
    return to.replaceAll("*", () => numbers.shift()!) + name.slice(start.length);
  }
  return name;
}

export interface Matching {
  /** The key in the checkpoint for the name of each parameter. */
  readonly keys: ReadonlyMap<string, string>;
  /** Parameters that no key stands for, by the names they would have in the checkpoint. */
  readonly missing: readonly string[];
  /** Keys that stand for no parameter, or for one that another key has. */
  readonly unexpected: readonly string[];
}

/** Finds the parameters `names` of an encoder among the keys of a checkpoint. */
export function matchNames(
  format: CheckpointFormat,
  names: Iterable<string>,
  checkpointKeys: Iterable<string>,
): Matching {
  const wanted = new Set(names);
  const keys = new Map<string, string>();
  const unexpected: string[] = [];
  for (const key of checkpointKeys) {
    const name = ownName(format, key);
    if (wanted.has(name) && !keys.has(name)) keys.set(name, key);
    else if (parameterName(format, key) !== undefined) unexpected.push(key);
  }
  const missing = [...wanted].filter((name) => !keys.has(name)).map((name) => checkpointName(format, name));
  return { keys, missing, unexpected };
}
