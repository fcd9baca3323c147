/** Tells how many texts of a data set are longer than what is read of them. */
import { isPretrained, type RunConfig } from "../config/run_config.ts";
import type { SampleIndex } from "../data/index/sample_index.ts";
import { TextTokenizer } from "../data/text/tokenizer.ts";
import { wordPieceJson } from "../data/text/tokenizer_json.ts";
import { numbered, readBertVocabulary } from "../data/text/word_piece.ts";

/** The tokens before and after a text. */
const SPECIAL = 2;

/**
 * One sentence for each text modality some of whose texts are cut, with their share and the longest, in the word pieces
 * that a text encoder trained from scratch reads; none for a pretrained one, whose tokenizer is its own.
 */
export async function cutTexts(
  config: RunConfig,
  { samples, modalities }: SampleIndex,
  maxTokens: number,
): Promise<string[]> {
  const names = modalities.filter(({ kind, name }) => kind === "text" && !isPretrained(config, name))
    .map(({ name }) => name);
  if (names.length === 0) return [];
  const tokenizer = new TextTokenizer(wordPieceJson(numbered(await readBertVocabulary())));
  return names.flatMap((name) => {
    const texts = samples.map(({ inputs }) => inputs[name] as string | null).filter((text) => text !== null);
    const lengths = texts.map((text) => tokenizer.ids(text).length + SPECIAL);
    const cut = lengths.filter((length) => length > maxTokens).length;
    if (cut === 0) return [];
    const share = (100 * cut / texts.length).toFixed(cut * 10 < texts.length ? 1 : 0);
    return [
      `${cut} of ${texts.length} texts "${name}" (${share} %) are longer than "data.max_tokens", ${maxTokens}, the longest ` +
      `${lengths.reduce((a, b) => Math.max(a, b))}: what is beyond is not read`,
    ];
  });
}
