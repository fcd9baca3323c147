/** Reads what the small files beside a vocabulary say of a tokenizer: its options, its special and its added tokens. */
import { join } from "node:path";
import * as z from "zod";
import { exists } from "../../io/files.ts";
import { isJsonObject, parseStrictJson, whyNotJson } from "../../io/strict_json.ts";
import { readUtf8 } from "../../io/text_file.ts";
import { UserError } from "../../base/user_error.ts";
import type { AddedToken } from "./added_tokens.ts";
import type { SpecialTokens } from "./tokenizer_json.ts";

/** A token that is added to a vocabulary; its id is that in the vocabulary, or the next one, where it is not given. */
export type TokenToAdd = Pick<AddedToken, "content"> & Partial<AddedToken>;

export interface TokenizerConfig extends z.infer<typeof optionsSchema> {
  readonly special: SpecialTokens;
  /** Tokens by their ids, then special tokens without. A token may be named twice: the first mention holds. */
  readonly added: readonly TokenToAdd[];
}

const flag = z.boolean().exactOptional();
const tokenSchema = z.object({
  content: z.string(),
  special: flag,
  normalized: flag,
  single_word: flag,
  lstrip: flag,
  rstrip: flag,
});
const nameSchema = z.union([z.string(), tokenSchema]);
const namesSchema = z.object({
  pad_token: nameSchema.nullish(),
  cls_token: nameSchema.nullish(),
  sep_token: nameSchema.nullish(),
  unk_token: nameSchema.nullish(),
  mask_token: nameSchema.nullish(),
  bos_token: nameSchema.nullish(),
  eos_token: nameSchema.nullish(),
  additional_special_tokens: z.array(nameSchema).nullish(),
});
const optionsSchema = z.object({
  do_lower_case: z.boolean().nullish(),
  strip_accents: z.boolean().nullish(),
  tokenize_chinese_chars: z.boolean().nullish(),
  add_prefix_space: z.boolean().nullish(),
  model_max_length: z.number().nullish(),
});
const configSchema = z.object({
  ...namesSchema.shape,
  ...optionsSchema.shape,
  added_tokens_decoder: z.record(z.string().regex(/^\d{1,7}$/), tokenSchema).nullish(),
});
/** Vocabularies have up to some hundred thousand tokens; lists are made that are as long as the largest id. */
const LARGEST_ID = 10_000_000;
export const idSchema = z.int().nonnegative().max(LARGEST_ID);
/** The largest that are published have some 40 MB. */
const MOST_BYTES = 200_000_000;
const JSON_LIMITS = { depth: 32, keys: 1_000_000 };
/** Ids by their tokens, looked at in one go: there may be hundreds of thousands. A record would pass over a token "__proto__". */
export const idsSchema = z.custom<Record<string, number>>(isJsonObject, "expected tokens with their ids")
  .superRefine((ids, context) => {
    const isId = (id: number) => Number.isInteger(id) && id >= 0 && id <= LARGEST_ID;
    const wrong = Object.keys(ids).find((token) => !isId(ids[token]!));
    if (wrong === undefined) return;
    context.addIssue({ code: "custom", path: [wrong], message: `expected an id from 0 to ${LARGEST_ID}` });
  });

/**
 * Reads `tokenizer_config.json`, `special_tokens_map.json` and `added_tokens.json` each of them may be missing,
 * and `defaults` are what special tokens are called where none says so. As in transformers, the first says all where it has an `added_tokens_decoder`; otherwise the second
 * names special tokens anew, and the third has the ids of added tokens. Throws a UserError that names file and key.
 */
export function readTokenizerConfig(folder: string, defaults: SpecialTokens): TokenizerConfig {
  const config = readJson(join(folder, "tokenizer_config.json"), configSchema) ?? {};
  const names = readJson(join(folder, "special_tokens_map.json"), namesSchema) ?? {};
  const decoder = config.added_tokens_decoder;
  const { pad_token, unk_token, additional_special_tokens, ...others } = decoder
    ? { ...names, ...config }
    : { ...config, ...names };
  const { cls_token, sep_token, mask_token, bos_token, eos_token, ...options } = others;
  const mask = mask_token ?? defaults.mask;
  const special = {
    pad: named(pad_token ?? defaults.pad),
    unknown: named(unk_token ?? defaults.unknown),
    class: named(cls_token ?? bos_token ?? defaults.class),
    separator: named(sep_token ?? eos_token ?? defaults.separator),
    // RoBERTa's takes in the space before it.
    ...(mask != null && {
      mask: typeof mask === "string" ? { ...named(mask), lstrip: mask === "<mask>" } : named(mask),
    }),
  };
  const all = [...Object.values(special), ...(additional_special_tokens ?? []).map(named)];
  const byId = decoder
    ? Object.entries(decoder).map(([id, token]) => ({ ...token, id: Number(id) }))
    : Object.entries(readJson(join(folder, "added_tokens.json"), idsSchema) ?? {}).map(([content, id]) => ({
      ...all.find((token) => token.content === content) ?? { content },
      id,
    }));
  return {
    ...options,
    special: {
      pad: special.pad.content,
      unknown: special.unknown.content,
      class: special.class.content,
      separator: special.separator.content,
      ...(special.mask && { mask: special.mask.content }),
    },
    added: [...byId, ...all],
  };
}

/** A special token from its text or the object around it. */
function named(name: z.infer<typeof nameSchema>): TokenToAdd {
  return { ...typeof name === "string" ? { content: name } : name, special: true };
}

/** The value in a JSON file of a known layout; undefined where there is no file. Throws a UserError that names the key. */
export function readJson<T>(path: string, schema: z.ZodType<T>): T | undefined {
  if (!exists(path)) return undefined;
  let value: unknown;
  try {
    value = parseStrictJson(readUtf8(path, MOST_BYTES), JSON_LIMITS);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new UserError(`${path} ${whyNotJson(error)}`);
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw new UserError(`${path} is not laid out as expected at "${issue?.path.join(".")}": ${issue?.message}`);
}
