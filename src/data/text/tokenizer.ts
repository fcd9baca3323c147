/** Turns texts into the token ids of a model, alone or in pairs, and pads them to batches. */
import type { TextBatch } from "../batch.ts";
import { ReferenceTokenizer } from "./reference_tokenizer.ts";
import { BERT_SPECIAL_TOKENS, type SpecialTokens } from "./tokenizer_json.ts";

export { BERT_SPECIAL_TOKENS } from "./tokenizer_json.ts";

/** Batches are padded to a multiple of this many tokens, so that the device meets few different shapes. */
const PADDING_MULTIPLE = 8;

/** Two texts as one, with their type ids. */
export interface EncodedPair {
  ids: Uint32Array;
  /** 0 for the first text and its special tokens, 1 for the second and its last; all 0 where the model has no types. */
  types: Uint32Array;
}

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
  /** The longest text the model was made for, in tokens, where its files say so. */
  readonly maxTokens: number | undefined;
  #tokenizer: ReferenceTokenizer;
  /** RoBERTa puts two separators between the texts of a pair, and tells them apart by nothing else. */
  #isRoberta: boolean;

  /** `special` names the tokens of the model, e.g. `<s>` and `</s>` for RoBERTa. A missing one is a `RangeError`. */
  constructor(
    readonly json: object,
    readonly special: SpecialTokens = BERT_SPECIAL_TOKENS,
    maxTokens?: number,
  ) {
    this.#tokenizer = new ReferenceTokenizer(json);
    const id = (token: string): number => {
      const found = this.#tokenizer.idOf(token);
      if (found === undefined) throw new RangeError(`The tokenizer has no token ${token}`);
      return found;
    };
    this.padId = id(special.pad);
    this.classId = id(special.class);
    this.separatorId = id(special.separator);
    this.unknownId = id(special.unknown);
    this.vocabularySize = this.#tokenizer.vocabularySize;
    this.maxTokens = maxTokens;
    this.#isRoberta = doublesSeparator(json);
  }

  /** The word pieces of a text, without special tokens. */
  tokenize(text: string): string[] {
    return this.#tokenizer.tokenize(text);
  }

  /** The ids of a text, without special tokens. */
  ids(text: string): number[] {
    return this.#tokenizer.ids(text);
  }

  /** The token of an id as a reader knows it; of the id that all pieces without one of their own share, the unknown token. */
  textOf(id: number): string {
    return id === this.unknownId ? this.special.unknown : this.#tokenizer.textOf(id);
  }

  /** `[CLS] ids [SEP]`, at most `maxTokens` of them: the end of a longer text is cut, never [SEP]. */
  enclose(ids: readonly number[], maxTokens: number): Uint32Array {
    const room = roomFor(maxTokens, 2);
    return Uint32Array.from([this.classId, ...ids.slice(0, room), this.separatorId]);
  }

  /**
   * `[CLS] a [SEP] b [SEP]` for BERT, `<s> a </s></s> b </s>` for RoBERTa, at most `maxTokens` of them: the longer text
   * is cut first, then both to the same length (the reference's `longest_first`).
   */
  enclosePair(a: readonly number[], b: readonly number[], maxTokens: number): EncodedPair {
    const middle = this.#isRoberta ? [this.separatorId, this.separatorId] : [this.separatorId];
    const [first, second] = truncatePair(a.length, b.length, roomFor(maxTokens, 2 + middle.length));
    const ids = Uint32Array.from([
      this.classId,
      ...a.slice(0, first),
      ...middle,
      ...b.slice(0, second),
      this.separatorId,
    ]);
    const types = new Uint32Array(ids.length);
    if (!this.#isRoberta) types.fill(1, 1 + first + middle.length);
    return { ids, types };
  }
}

/** The numbers of tokens of two texts that stay where `room` is left for both; if an odd one is over, the longer text has it. */
export function truncatePair(first: number, second: number, room: number): [number, number] {
  if (first + second <= room) return [first, second];
  if (first > second) return truncatePair(second, first, room).reverse() as [number, number];
  const longer = Math.max(first, room - first);
  if (first <= room && first + longer <= room) return [first, longer];
  const half = Math.floor(room / 2);
  return [half, half + room % 2];
}

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

function roomFor(maxTokens: number, special: number): number {
  if (!(maxTokens >= special)) {
    throw new RangeError(`${maxTokens} tokens leave no room for the ${special} special tokens`);
  }
  return maxTokens - special;
}

/** Whether the post-processor of a `tokenizer.json` puts two special tokens between the texts of a pair. */
function doublesSeparator(json: { post_processor?: unknown }): boolean {
  const { type, pair } = (json.post_processor ?? {}) as { type?: string; pair?: readonly object[] };
  if (type !== "TemplateProcessing" || pair === undefined) return type === "RobertaProcessing";
  const [first, second] = pair.flatMap((part, at) => "Sequence" in part ? [at] : []);
  return first !== undefined && second !== undefined && second - first === 3;
}
