/** The names of tensors in Hugging Face's checkpoints, and which of our parameters they are. */
import type { ModelType } from "./hf_config.ts";

interface Naming {
  /** Before every name, where the encoder is a part of a model for some task. */
  readonly prefix: string;
  /** What stands beside an encoder and we have no use for: poolers, heads of tasks, buffers. */
  readonly ignored: RegExp;
}

/** After the prefix, our parameters have Hugging Face's names. */
const NAMINGS: Readonly<Record<ModelType, Naming>> = {
  vit: {
    prefix: "vit.",
    ignored: /^(pooler|classifier|decoder)\.|^embeddings\.mask_token$/,
  },
  bert: {
    prefix: "bert.",
    ignored: /^(pooler|cls|classifier|qa_outputs)\.|^embeddings\.(position_ids|token_type_ids)$/,
  },
  roberta: {
    prefix: "roberta.",
    ignored: /^(pooler|lm_head|classifier|qa_outputs)\.|^embeddings\.(position_ids|token_type_ids)$/,
  },
};

/** Names of norms as TensorFlow had them, in checkpoints converted long ago. */
const OLD_ENDINGS: Readonly<Record<string, string>> = { gamma: "weight", beta: "bias" };

/** Our name of the tensor that a checkpoint stores as `key`; undefined for one that is of no use. */
export function parameterName(type: ModelType, key: string): string | undefined {
  const { prefix, ignored } = NAMINGS[type];
  const name = key.startsWith(prefix) ? key.slice(prefix.length) : key;
  if (ignored.test(name)) return undefined;
  return name.replace(/(?<=LayerNorm\.)(gamma|beta)$/, (ending) => OLD_ENDINGS[ending]!);
}

export interface Matching {
  /** From names of parameters to keys of the checkpoint. */
  readonly keys: ReadonlyMap<string, string>;
  /** Parameters that no key stands for. */
  readonly missing: readonly string[];
  /** Keys that stand for no parameter, or for one that another key has. */
  readonly unexpected: readonly string[];
}

/** Finds the parameters `names` of an encoder among the keys of a checkpoint. */
export function matchNames(
  type: ModelType,
  names: Iterable<string>,
  checkpointKeys: Iterable<string>,
): Matching {
  const wanted = new Set(names);
  const keys = new Map<string, string>();
  const unexpected: string[] = [];
  for (const key of checkpointKeys) {
    const name = parameterName(type, key);
    if (name === undefined) continue;
    if (wanted.has(name) && !keys.has(name)) keys.set(name, key);
    else unexpected.push(key);
  }
  return { keys, missing: [...wanted].filter((name) => !keys.has(name)), unexpected };
}
