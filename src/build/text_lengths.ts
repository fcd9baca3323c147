/** Tells how many texts of a data set are longer than what is read of them. */
import { namedEncoders } from "../config/encoder_config.ts";
import { isPretrained, type RunConfig } from "../config/run_config.ts";
import type { SampleIndex } from "../data/index/sample_index.ts";
import { loadTokenizer } from "../data/text/load_tokenizer.ts";
import { readBertVocabulary, wordPiece } from "../data/text/word_piece.ts";

/** The tokens before and after a text. */
const SPECIAL = 2;

/**
 * One sentence for each text modality some of whose texts are cut, with their share and the longest, in the tokens of the
 * encoder that reads it: the word pieces of one that is trained from scratch, and of a pretrained one those of the files in its
 * folder; none where there is no such folder.
 */
export async function cutTexts(
  config: RunConfig,
  { samples, modalities }: SampleIndex,
  maxTokens: number,
  folders: ReadonlyMap<string, string> = new Map(),
): Promise<string[]> {
  const encoders = namedEncoders(config.model.encoders);
  const sentences: string[] = [];
  for (const { kind, name } of modalities) {
    const encoder = encoders.find(({ reads }) => Object.values(reads).includes(name));
    const folder = encoder && folders.get(encoder.name);
    if (kind !== "text" || folder === undefined && isPretrained(config, encoder?.name ?? name)) continue;
    const tokenizer = folder === undefined
      ? wordPiece(await readBertVocabulary())
      : await loadTokenizer(folder);
    const texts = samples.map(({ inputs }) => inputs[name] as string | null).filter((text) => text !== null);
    const lengths = texts.map((text) => tokenizer.ids(text).length + SPECIAL);
    const cut = lengths.filter((length) => length > maxTokens).length;
    if (cut === 0) continue;
    const share = (100 * cut / texts.length).toFixed(cut * 10 < texts.length ? 1 : 0);
    sentences.push(
      `${cut} of ${texts.length} texts "${name}" (${share} %) are longer than "data.max_tokens", ${maxTokens}, the longest ` +
        `${lengths.reduce((a, b) => Math.max(a, b))}: what is beyond is not read`,
    );
  }
  return sentences;
}
