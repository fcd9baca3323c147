/** Loads the tokenizer of a checkpoint's folder, whichever of the usual files it has. */
import { join } from "node:path";
import * as z from "zod";
import { exists } from "../../io/files.ts";
import { readUtf8 } from "../../io/text_file.ts";
import { shortQuote } from "../../io/strict_json.ts";
import { UserError } from "../../base/user_error.ts";
import { type AddedToken, addedToken } from "./added_tokens.ts";
import { TextTokenizer } from "./tokenizer.ts";
import {
  idSchema,
  idsSchema,
  readJson,
  readTokenizerConfig,
  type TokenizerConfig,
  type TokenToAdd,
} from "./tokenizer_config.ts";
import { readSentencePiece, SENTENCE_PIECE_FILES } from "./sentence_piece.ts";
import { slowPattern } from "./step_patterns.ts";
import {
  BERT_SPECIAL_TOKENS,
  byteLevelJson,
  CLIP_SPECIAL_TOKENS,
  clipJson,
  ROBERTA_SPECIAL_TOKENS,
  type SpecialTokens,
  wordPieceJson,
} from "./tokenizer_json.ts";

/** Pieces and their scores, looked at in one go: there may be hundreds of thousands. */
const piecesSchema = z.custom<[piece: string, score: number][]>(
  (value) =>
    Array.isArray(value) &&
    value.every((one) =>
      Array.isArray(one) && one.length === 2 && typeof one[0] === "string" && typeof one[1] === "number"
    ),
  "expected pieces with their scores",
);
const jsonSchema = z.looseObject({
  added_tokens: z.array(z.looseObject({ content: z.string(), id: idSchema })),
  normalizer: z.looseObject({ type: z.string() }).nullish(),
  pre_tokenizer: z.looseObject({ type: z.string() }).nullish(),
  post_processor: z.looseObject({ type: z.string() }).nullish(),
  model: z.looseObject({
    type: z.enum(["WordPiece", "BPE", "Unigram"], { error: "only WordPiece, BPE and Unigram are supported" }),
    vocab: z.union([piecesSchema, idsSchema], {
      error: "expected tokens with their ids, from 0 to 10000000, or pieces with their scores",
    }),
    unk_id: idSchema.nullish(),
    unk_token: z.string().nullish(),
    merges: z.array(z.union([z.string(), z.tuple([z.string(), z.string()])])).optional(),
  }),
});
type TokenizerJson = z.infer<typeof jsonSchema>;
/** The ids of a model's tokens, without those that are added to it. */
type Vocabulary = ReadonlyMap<string, number>;

/** A length this large (the reference writes 10^30) means that none is known. */
const NO_LENGTH = 1e9;

/** What special tokens are called by default, in models of a kind. */
const FAMILIES: readonly SpecialTokens[] = [
  { ...CLIP_SPECIAL_TOKENS },
  { ...ROBERTA_SPECIAL_TOKENS, mask: "<mask>" },
  { ...BERT_SPECIAL_TOKENS, mask: "[MASK]" },
];

/**
 * The tokenizer of a checkpoint's folder: from `tokenizer.json`, else from BERT's `vocab.txt`, else from `vocab.json` and
 * `merges.txt` of a RoBERTa or a CLIP, else from the SentencePiece model of an XLM-RoBERTa or a DeBERTa. What
 * `tokenizer_config.json` says of case, accents and prefix space goes before, and tokens that the files beside the
 * vocabulary add are added. Throws a UserError that names the file and what is wrong.
 */
export function loadTokenizer(folder: string): TextTokenizer {
  const path = join(folder, "tokenizer.json");
  const json = readJson(path, jsonSchema);
  if (json !== undefined) return withConfig(folder, path, json);
  if (exists(join(folder, "vocab.txt"))) return loadWordPiece(folder);
  const model = SENTENCE_PIECE_FILES.find((file) => exists(join(folder, file)));
  if (model === undefined || exists(join(folder, "vocab.json"))) return loadByteLevel(folder);
  const file = join(folder, model);
  const { do_lower_case } = readTokenizerConfig(folder, FAMILIES.at(-1)!);
  return withConfig(
    folder,
    file,
    jsonSchema.parse(readSentencePiece(file, { lowercase: do_lower_case ?? false })),
  );
}

function withConfig(folder: string, file: string, json: TokenizerJson): TextTokenizer {
  const vocabulary = vocabularyOf(json.model);
  const config = readTokenizerConfig(folder, specialTokensOf(json, vocabulary));
  return make(file, withOptions(json, config), vocabulary, config);
}

/** The ids of a model's vocabulary. It is made once: with tens of thousands of tokens it is most of what loading takes. */
function vocabularyOf({ vocab }: TokenizerJson["model"]): Vocabulary {
  return Array.isArray(vocab)
    ? new Map(vocab.map(([piece], id) => [piece, id]))
    : new Map(Object.entries(vocab));
}

/** What the special tokens of a `tokenizer.json` are called where no configuration says so: as in the first family it knows. */
function specialTokensOf({ model, added_tokens }: TokenizerJson, vocabulary: Vocabulary): SpecialTokens {
  const added = new Set(added_tokens.map(({ content }) => content));
  const family = familyOf((token) => vocabulary.has(token) || added.has(token));
  const unknown = model.unk_token ??
    (Array.isArray(model.vocab) ? model.vocab[model.unk_id ?? -1]?.[0] : undefined);
  return { ...family, ...(unknown !== undefined && { unknown }) };
}

function familyOf(isKnown: (token: string) => boolean): SpecialTokens {
  return FAMILIES.find((family) => isKnown(family.class)) ?? FAMILIES.at(-1)!;
}

function loadWordPiece(folder: string): TextTokenizer {
  const file = join(folder, "vocab.txt");
  const pieces = readUtf8(file).replace(/(?:\r\n|\r|\n)$/, "").split(/\r\n|\r|\n/);
  const ids = new Map(pieces.map((token, id) => [token, id]));
  // MPNet's names are RoBERTa's but for the unknown token: its pieces are BERT's.
  const config = readTokenizerConfig(folder, {
    ...familyOf((token) => ids.has(token)),
    unknown: BERT_SPECIAL_TOKENS.unknown,
  });
  const normalization = {
    lowercase: config.do_lower_case ?? true,
    strip_accents: config.strip_accents ?? null,
    handle_chinese_chars: config.tokenize_chinese_chars ?? true,
  };
  const json = wordPieceJson(ids, normalization, config.special) as TokenizerJson;
  return make(file, { ...json, added_tokens: [] }, ids, config);
}

function loadByteLevel(folder: string): TextTokenizer {
  const file = join(folder, "vocab.json"), mergesFile = join(folder, "merges.txt");
  const vocabulary = readJson(file, idsSchema);
  if (vocabulary === undefined || !exists(mergesFile)) {
    throw new UserError(
      `${folder} holds neither tokenizer.json, vocab.txt, vocab.json and merges.txt, nor ${
        SENTENCE_PIECE_FILES.join(" or ")
      }`,
    );
  }
  const ids = new Map(Object.entries(vocabulary));
  const isClip = ids.has(CLIP_SPECIAL_TOKENS.class);
  const config = readTokenizerConfig(folder, isClip ? FAMILIES[0]! : FAMILIES[1]!);
  const merges = parseMerges(readUtf8(mergesFile), ids, mergesFile);
  const { special, add_prefix_space } = config;
  const json = isClip
    ? clipJson(ids, merges, special)
    : byteLevelJson(ids, merges, { addPrefixSpace: add_prefix_space ?? false, special });
  return make(file, { ...json as TokenizerJson, added_tokens: [] }, ids, config);
}

/** The tokenizer of a `tokenizer.json` and the tokens that the configuration adds. */
function make(
  file: string,
  json: TokenizerJson,
  vocabulary: Vocabulary,
  config: TokenizerConfig,
): TextTokenizer {
  const slow = slowPattern([json.normalizer, json.pre_tokenizer, json.post_processor, json.decoder]);
  if (slow !== undefined) {
    throw new UserError(
      `${file} has the pattern ${
        shortQuote(slow)
      }, which may take for ever: it repeats what may be read in several ways`,
    );
  }
  const { mask, ...special } = config.special;
  const added = addedTokens(file, json, vocabulary, config);
  const known = (token: string) => vocabulary.has(token) || added.some(({ content }) => content === token);
  for (const [part, token] of Object.entries(special)) {
    if (known(token)) continue;
    throw new UserError(`${file} has no token ${JSON.stringify(token)}, the ${part} token of the model`);
  }
  const length = config.model_max_length ?? Infinity;
  try {
    return new TextTokenizer(
      { ...json, added_tokens: added },
      mask !== undefined && known(mask) ? { ...special, mask } : special,
      length < NO_LENGTH ? length : undefined,
    );
  } catch (cause) {
    // The package takes for granted that parts are of their kinds.
    const why = cause instanceof TypeError
      ? "a part is lacking, or of another kind"
      : (cause as Error).message;
    throw new UserError(`${file} describes no tokenizer that can be used: ${why}`, { cause });
  }
}

/**
 * The added tokens of a `tokenizer.json`, then those of the configuration that it lacks: first the ones whose ids are
 * known, from there or from the vocabulary, then new special tokens with the ids that follow. Throws a UserError where an
 * id is that of another token.
 */
function addedTokens(
  file: string,
  json: TokenizerJson,
  vocabulary: Vocabulary,
  { special, added }: TokenizerConfig,
): AddedToken[] {
  const tokens = new Map<string, AddedToken>();
  /** The added tokens by their ids; below, those of the vocabulary, which few files make anyone ask for. */
  const holders = new Map<number, string>();
  let inVocabulary: ReadonlyMap<number, string> | undefined;
  const holderOf = (id: number): string | undefined => {
    inVocabulary ??= new Map(Array.from(vocabulary, ([content, id]) => [id, content]));
    return holders.get(id) ?? inVocabulary.get(id);
  };
  const add = (token: TokenToAdd, id: number) => {
    tokens.set(token.content, addedToken({ ...token, id }));
    holders.set(id, token.content);
  };
  for (const token of json.added_tokens) add(token, token.id);
  for (const token of added) {
    const { content } = token;
    const known = vocabulary.get(content), id = known ?? token.id;
    if (content === "" || tokens.has(content) || id === undefined) continue;
    const holder = known === undefined ? holderOf(id) : content;
    if (id !== (token.id ?? id) || (holder !== undefined && holder !== content)) {
      const other = holder === content ? `but its id is ${id}` : `which is that of ${JSON.stringify(holder)}`;
      throw new UserError(
        `The files beside ${file} give ${JSON.stringify(content)} the id ${token.id}, ${other}`,
      );
    }
    add(token, id);
  }
  const { mask, ...parts } = special;
  const open = added.filter(({ content }) => content !== "" && !tokens.has(content))
    .filter(({ content }) => !Object.values(parts).includes(content));
  // Of new tokens the mask is the first, as in the reference. Where it is the only one it is left out: no model has
  // learned it, and a vocabulary larger than the model's is refused.
  if (open.every(({ content }) => content === mask)) return [...tokens.values()];
  let next = 1 +
    [...vocabulary.values(), ...holders.keys()].reduce((largest, id) => Math.max(largest, id), -1);
  for (const token of open) if (!tokens.has(token.content)) add(token, next++);
  return [...tokens.values()];
}

/** A `tokenizer.json` with the options of the configuration, which go before those in it, as in the reference. */
function withOptions(json: TokenizerJson, config: TokenizerConfig): TokenizerJson {
  const { normalizer, pre_tokenizer } = json;
  const given = (values: Record<string, unknown>) =>
    Object.fromEntries(Object.entries(values).filter(([, value]) => value !== null && value !== undefined));
  return {
    ...json,
    normalizer: normalizer?.type !== "BertNormalizer" ? normalizer ?? null : {
      ...normalizer,
      ...given({
        lowercase: config.do_lower_case,
        strip_accents: config.strip_accents,
        handle_chinese_chars: config.tokenize_chinese_chars,
      }),
    },
    pre_tokenizer: pre_tokenizer?.type !== "ByteLevel" ? pre_tokenizer ?? null : {
      ...pre_tokenizer,
      ...given({ add_prefix_space: config.add_prefix_space }),
    },
  };
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
