import { Tokenizer } from "@huggingface/tokenizers";
import type { TextBatch } from "./batch.ts";

/** Batches are padded to a multiple of this many tokens, so that the device meets few different shapes. */
const PADDING_MULTIPLE = 8;

/**
 * Turns texts into token ids with a Hugging Face `tokenizer.json`. The package tokenizes; truncation, special tokens,
 * padding and masks are added here.
 */
export class TextTokenizer {
  readonly vocabularySize: number;
  readonly padId: number;
  readonly classId: number;
  readonly separatorId: number;
  readonly unknownId: number;
  #tokenizer: Tokenizer;

  /** `special` names the tokens of the model, e.g. `<s>` and `</s>` for RoBERTa. A missing one is a `RangeError`. */
  constructor(
    readonly json: object,
    special: { pad: string; class: string; separator: string; unknown: string } = BERT_SPECIAL_TOKENS,
  ) {
    this.#tokenizer = new Tokenizer(json, {});
    const id = (token: string): number => {
      const found = this.#tokenizer.token_to_id(token);
      if (found === undefined) throw new RangeError(`The tokenizer has no token ${token}`);
      return found;
    };
    this.padId = id(special.pad);
    this.classId = id(special.class);
    this.separatorId = id(special.separator);
    this.unknownId = id(special.unknown);
    // Where several pieces share an id, the package's list of tokens has holes at its end.
    const ids = [...this.#tokenizer.get_vocab(true)].flatMap(([token, id]) =>
      token === undefined ? [] : [id]
    );
    this.vocabularySize = Math.max(...ids) + 1;
  }

  /** The word pieces of a text, without special tokens. */
  tokenize(text: string): string[] {
    return this.#tokenizer.tokenize(text);
  }

  /** The ids of a text, without special tokens. */
  ids(text: string): number[] {
    return this.#tokenizer.encode(text, { add_special_tokens: false }).ids;
  }

  /** `[CLS] ids [SEP]`, at most `maxTokens` of them: the end of a longer text is cut, never [SEP]. */
  enclose(ids: readonly number[], maxTokens: number): Uint32Array {
    return Uint32Array.of(this.classId, ...ids.slice(0, maxTokens - 2), this.separatorId);
  }
}

export const BERT_SPECIAL_TOKENS = {
  pad: "[PAD]",
  unknown: "[UNK]",
  class: "[CLS]",
  separator: "[SEP]",
} as const;

/** Pads encoded texts at the end to the longest one, rounded up to a multiple of 8 but not beyond `maxTokens`. */
export function padTexts(texts: readonly Uint32Array[], padId: number, maxTokens: number): TextBatch {
  const longest = Math.max(1, ...texts.map((text) => text.length));
  const tokens = Math.min(maxTokens, Math.ceil(longest / PADDING_MULTIPLE) * PADDING_MULTIPLE);
  const ids = new Uint32Array(texts.length * tokens).fill(padId);
  const mask = new Uint32Array(texts.length * tokens);
  texts.forEach((text, row) => {
    ids.set(text, row * tokens);
    mask.fill(1, row * tokens, row * tokens + text.length);
  });
  return { kind: "text", ids, mask, tokens };
}
