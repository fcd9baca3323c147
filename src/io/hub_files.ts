/** Knows which files of a model repository are used, and which are lacking where only some of them are there. */
import { join } from "node:path";
import { readJsonFile } from "./json_file.ts";
import { isJsonObject, shortQuote } from "./strict_json.ts";
import { UserError } from "../base/user_error.ts";

/** A use that a model is wanted for, which some of its files serve; `config.json` serves all of them. */
export type FileKind = "weights" | "tokenizer" | "preprocessor";

export const WEIGHTS = "model.safetensors";
/** Weights, whole or as the index of their shards, in the order in which they are preferred. */
export const WEIGHTS_FILES = [
  WEIGHTS,
  "model.safetensors.index.json",
  "pytorch_model.bin",
  "pytorch_model.bin.index.json",
] as const;
export const CONFIG = "config.json";
/** The files that may say how texts become the ids a model knows. */
export const TOKENIZER_FILES = [
  "tokenizer.json",
  "tokenizer_config.json",
  "vocab.txt",
  "vocab.json",
  "merges.txt",
  "sentencepiece.bpe.model",
  "spm.model",
  "special_tokens_map.json",
  "added_tokens.json",
];
const PREPROCESSOR = "preprocessor_config.json";

const MAX_SHARDS = 512;

/** Whether a file is there: yes, known not to exist, or not known. */
export type Presence = (name: string) => boolean | undefined;

/** Every name that the kinds may need, but for the shards of the weights, which their index names. */
export function candidates(kinds: readonly FileKind[]): string[] {
  return [
    CONFIG,
    ...kinds.includes("weights") ? WEIGHTS_FILES : [],
    ...kinds.includes("tokenizer") ? TOKENIZER_FILES : [],
    ...kinds.includes("preprocessor") ? [PREPROCESSOR] : [],
  ];
}

/** The files of a repository that the kinds need; for weights, the best of those that it has. */
export function wantedFiles(kinds: readonly FileKind[], names: ReadonlySet<string>): string[] {
  const weights = weightsFile((name) => names.has(name));
  const isLesser = (name: string) => (WEIGHTS_FILES as readonly string[]).includes(name) && name !== weights;
  return candidates(kinds).filter((name) => names.has(name) && !isLesser(name));
}

/** The file that weights are read by: all of them, or an index. */
export function weightsFile(has: (name: string) => boolean): string | undefined {
  return WEIGHTS_FILES.find(has);
}

/** Whether a file of weights is an index of shards. */
export function isIndex(name: string): boolean {
  return name.endsWith(".index.json");
}

/**
 * The weights in a folder of one's own under whatever name, such as torchvision's `resnet50-0676ba61.pth`: the one file that
 * may be some. Those of an optimizer and the like, which trainers leave beside them, are none.
 */
export function soleWeights(names: Iterable<string>): string | undefined {
  const found = Array.from(names).filter((name) =>
    /\.(safetensors|bin|pth?|ckpt)$/.test(name) &&
    !/^(optimizer|scheduler|scaler|training_args|rng_state)/.test(name)
  );
  return found.length === 1 ? found[0] : undefined;
}

/**
 * The files that the kinds need and `presence` does not have, in words; empty if nothing lacks. `folder` is where the index of
 * the weights lies, if there is one. Throws a UserError if that index cannot be used.
 */
export function lacking(kinds: readonly FileKind[], presence: Presence, folder: string): string[] {
  const has = (name: string) => presence(name) === true;
  const lacks = has(CONFIG) ? [] : [CONFIG];
  if (kinds.includes("weights")) {
    const weights = weightsFile(has);
    if (weights === undefined) lacks.push(WEIGHTS);
    else if (isIndex(weights)) lacks.push(...shardNames(join(folder, weights)).filter((name) => !has(name)));
  }
  if (kinds.includes("tokenizer") && !has("tokenizer.json")) {
    const hasVocabulary = ["vocab.txt", "sentencepiece.bpe.model", "spm.model"].some(has) ||
      (has("vocab.json") && has("merges.txt"));
    if (!hasVocabulary) lacks.push("tokenizer.json (or vocab.txt, vocab.json with merges.txt, or spm.model)");
    // It says how a bare vocabulary is to be used (lower case, accents), so it must be known not to exist.
    else if (presence("tokenizer_config.json") === undefined) lacks.push("tokenizer_config.json");
  }
  if (kinds.includes("preprocessor") && presence(PREPROCESSOR) === undefined) lacks.push(PREPROCESSOR);
  return lacks;
}

/** The ending of the files that an index names: that of the file which it stands for, without `.index.json`. */
export function shardEnding(indexPath: string): ".bin" | ".safetensors" {
  return indexPath.endsWith(".bin.index.json") ? ".bin" : ".safetensors";
}

/** The files that an index of weights names, each a plain name beside it. Throws a UserError for any other index. */
export function shardNames(indexPath: string): string[] {
  const fail = (rule: string) => new UserError(`Cannot use ${indexPath}: ${rule}`);
  const root = readJsonFile(indexPath);
  if (!isJsonObject(root) || !isJsonObject(root.weight_map)) throw fail(`it has no "weight_map" object`);
  const names = new Set<string>();
  const ending = shardEnding(indexPath);
  for (const name of Object.values(root.weight_map)) {
    if (typeof name !== "string" || !/^[\w-][\w.-]*$/.test(name) || !name.endsWith(ending)) {
      throw fail(`${shortQuote(String(name))} is not the name of a ${ending} file beside it`);
    }
    names.add(name);
  }
  if (names.size === 0 || names.size > MAX_SHARDS) {
    throw fail(`it names ${names.size} files, not 1 to ${MAX_SHARDS}`);
  }
  return [...names];
}

/** Adds to a complaint about missing weights that there are some in a format that is not read. */
export function otherWeights(names: Iterable<string>): string {
  const others = Array.from(names).filter((name) => /\.(bin|pth?|ckpt|h5|msgpack|onnx)$/.test(name));
  const best = others[0];
  if (best === undefined) return "";
  return `; its weights are only there as ${
    shortQuote(best)
  }, which is not read: convert them with transformers' ` +
    `save_pretrained(folder, safe_serialization=True) and give that folder, or pin a revision that has ${WEIGHTS}`;
}
