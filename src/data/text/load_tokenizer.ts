import { join } from "node:path";
import * as z from "zod";
import { exists } from "../../io/files.ts";
import { readUtf8 } from "../../io/text_file.ts";
import { UserError } from "../../base/user_error.ts";
import { TextTokenizer } from "./tokenizer.ts";
import {
  BERT_SPECIAL_TOKENS,
  byteLevelJson,
  ROBERTA_SPECIAL_TOKENS,
  type SpecialTokens,
  wordPieceJson,
} from "./tokenizer_json.ts";

/** A token's text, or an object around it. */
const tokenSchema = z.union([
  z.string(),
  z.object({ content: z.string() }).transform(({ content }) => content),
])
  .nullish();
const namesSchema = z.object({
  pad_token: tokenSchema,
  cls_token: tokenSchema,
  sep_token: tokenSchema,
  unk_token: tokenSchema,
  mask_token: tokenSchema,
});
const configSchema = z.object({
  ...namesSchema.shape,
  do_lower_case: z.boolean().nullish(),
  strip_accents: z.boolean().nullish(),
  tokenize_chinese_chars: z.boolean().nullish(),
  add_prefix_space: z.boolean().nullish(),
  model_max_length: z.number().nullish(),
});
const vocabularySchema = z.record(z.string(), z.int().nonnegative());
const jsonSchema = z.looseObject({
  added_tokens: z.array(z.looseObject({ content: z.string(), id: z.int().nonnegative() })),
  normalizer: z.looseObject({ type: z.string() }).nullish(),
  pre_tokenizer: z.looseObject({ type: z.string() }).nullish(),
  model: z.looseObject({
    type: z.enum(["WordPiece", "BPE"], { error: "only WordPiece and BPE are supported" }),
    vocab: vocabularySchema,
    merges: z.array(z.union([z.string(), z.tuple([z.string(), z.string()])])).optional(),
  }),
});
type Config = z.infer<typeof configSchema>;

/** A length this large (the reference writes 10^30) means that none is known. */
const NO_LENGTH = 1e9;

/**
 * The tokenizer of a checkpoint's folder: from `tokenizer.json`, else from BERT's `vocab.txt`, else from RoBERTa's
 * `vocab.json` and `merges.txt`; what `tokenizer_config.json` says of case, accents and prefix space goes before.
 * Throws a UserError that names the file and what is wrong with it.
 */
export function loadTokenizer(folder: string): TextTokenizer {
  const config = readConfig(folder);
  const given = readJson(join(folder, "tokenizer.json"), jsonSchema);
  if (given !== undefined) {
    const file = join(folder, "tokenizer.json");
    const special = specialTokens(
      given.model.type === "BPE" ? ROBERTA_SPECIAL_TOKENS : BERT_SPECIAL_TOKENS,
      config,
      new Set([...Object.keys(given.model.vocab), ...given.added_tokens.map(({ content }) => content)]),
      file,
    );
    return make(file, withConfig(given, config), special, config);
  }
  const pieces = readText(join(folder, "vocab.txt"));
  if (pieces !== undefined) {
    const file = join(folder, "vocab.txt");
    const ids = new Map(
      pieces.replace(/(?:\r\n|\r|\n)$/, "").split(/\r\n|\r|\n/).map((token, id) => [token, id]),
    );
    const special = specialTokens(BERT_SPECIAL_TOKENS, config, ids, file);
    const normalization = {
      lowercase: config.do_lower_case ?? true,
      strip_accents: config.strip_accents ?? null,
      handle_chinese_chars: config.tokenize_chinese_chars ?? true,
    };
    return make(file, wordPieceJson(ids, normalization, special), special, config);
  }
  const file = join(folder, "vocab.json");
  const vocabulary = readJson(file, vocabularySchema);
  const merges = readText(join(folder, "merges.txt"));
  if (vocabulary === undefined || merges === undefined) {
    throw new UserError(`${folder} holds neither tokenizer.json, vocab.txt nor vocab.json and merges.txt`);
  }
  const ids = new Map(Object.entries(vocabulary));
  const special = specialTokens(ROBERTA_SPECIAL_TOKENS, config, ids, file);
  const pairs = parseMerges(merges, ids, join(folder, "merges.txt"));
  const addPrefixSpace = config.add_prefix_space ?? false;
  return make(file, byteLevelJson(ids, pairs, { addPrefixSpace, special }), special, config);
}

function make(file: string, json: object, special: SpecialTokens, config: Config): TextTokenizer {
  const length = config.model_max_length ?? undefined;
  try {
    return new TextTokenizer(json, special, length !== undefined && length < NO_LENGTH ? length : undefined);
  } catch (cause) {
    throw new UserError(`${file} describes no tokenizer that can be used: ${(cause as Error).message}`, {
      cause,
    });
  }
}

/** A `tokenizer.json` with what the configuration says otherwise, which goes before in the reference too. */
function withConfig(json: z.infer<typeof jsonSchema>, config: Config): object {
  const { normalizer, pre_tokenizer } = json;
  const told = (values: Record<string, unknown>) =>
    Object.fromEntries(Object.entries(values).filter(([, value]) => value !== null && value !== undefined));
  return {
    ...json,
    normalizer: normalizer?.type !== "BertNormalizer" ? normalizer ?? null : {
      ...normalizer,
      ...told({
        lowercase: config.do_lower_case,
        strip_accents: config.strip_accents,
        handle_chinese_chars: config.tokenize_chinese_chars,
      }),
    },
    pre_tokenizer: pre_tokenizer?.type !== "ByteLevel" ? pre_tokenizer ?? null : {
      ...pre_tokenizer,
      ...told({ add_prefix_space: config.add_prefix_space }),
    },
  };
}

function specialTokens(
  defaults: SpecialTokens,
  config: Config,
  known: { has(token: string): boolean },
  file: string,
): SpecialTokens {
  const special = {
    pad: config.pad_token ?? defaults.pad,
    class: config.cls_token ?? defaults.class,
    separator: config.sep_token ?? defaults.separator,
    unknown: config.unk_token ?? defaults.unknown,
  };
  for (const [part, token] of Object.entries(special)) {
    if (!known.has(token)) {
      throw new UserError(`${file} has no token ${JSON.stringify(token)}, the ${part} token of the model`);
    }
  }
  const mask = config.mask_token ?? (defaults === BERT_SPECIAL_TOKENS ? "[MASK]" : "<mask>");
  return known.has(mask) ? { ...special, mask } : special;
}

function parseMerges(text: string, ids: ReadonlyMap<string, number>, file: string): [string, string][] {
  return text.split(/\r?\n/).flatMap((line, at): [string, string][] => {
    if (line === "" || line.startsWith("#version")) return [];
    const [left, right, ...more] = line.split(" ");
    if (left === undefined || right === undefined || more.length > 0) {
      throw new UserError(`${file}, line ${at + 1}: expected two tokens with a space between them`);
    }
    if (!ids.has(left) || !ids.has(right) || !ids.has(left + right)) {
      throw new UserError(`${file}, line ${at + 1}: the tokens or what they merge to are not in vocab.json`);
    }
    return [[left, right]];
  });
}

/** `tokenizer_config.json`, in which `special_tokens_map.json` names tokens anew; both may be missing. */
function readConfig(folder: string): Config {
  const config = readJson(join(folder, "tokenizer_config.json"), configSchema);
  const names = readJson(join(folder, "special_tokens_map.json"), namesSchema);
  return { ...config, ...names };
}

function readJson<T>(path: string, schema: z.ZodType<T>): T | undefined {
  const text = readText(path);
  if (text === undefined) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new UserError(`${path} is not valid JSON: ${(cause as Error).message}`, { cause });
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw new UserError(`${path} is not laid out as expected at "${issue?.path.join(".")}": ${issue?.message}`);
}

/** The text of a file; undefined where there is none. */
function readText(path: string): string | undefined {
  return exists(path) ? readUtf8(path) : undefined;
}
