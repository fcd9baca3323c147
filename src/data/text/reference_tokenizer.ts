import {
  BertNormalizer,
  BertPreTokenizer,
  ByteLevelPreTokenizer,
  type Normalizer,
  type PreTokenizer,
  SequenceNormalizer,
  SequencePreTokenizer,
  Tokenizer,
} from "@huggingface/tokenizers";
import {
  ACCENTS,
  BERT_WORDS,
  BYTE_LEVEL_PIECES,
  CONTROLS,
  IDEOGRAPHS,
  UNTOUCHED_RUNS,
} from "./reference_unicode.ts";

interface AddedToken {
  content: string;
  lstrip?: boolean;
  rstrip?: boolean;
}

/**
 * The package's tokenizer of a `tokenizer.json`, but with the steps in which it departs from the reference replaced:
 * - BERT's normaliser: the package lower-cases a final Σ to ς, does not see ideographs beyond U+FFFF, and knows newer
 *   characters;
 * - the pieces of both pre-tokenizers: JavaScript's white space is not Unicode's, and newer characters again;
 * - white space around added tokens that take it in (RoBERTa's `<mask>`), which the package trims as JavaScript does.
 */
export class ReferenceTokenizer {
  readonly #tokenizer: Tokenizer;
  readonly #spaces: readonly (readonly [RegExp, string])[];

  /** `json` needs `model` and `added_tokens`. Throws what the package throws where it cannot use them. */
  constructor(json: object) {
    const added: readonly AddedToken[] = (json as { added_tokens?: AddedToken[] }).added_tokens ?? [];
    this.#tokenizer = new Tokenizer({
      normalizer: null,
      pre_tokenizer: null,
      post_processor: null,
      decoder: null,
      ...json,
      added_tokens: added.map((token) => ({ ...token, lstrip: false, rstrip: false })),
    }, {});
    this.#tokenizer.normalizer = exactNormalizer(this.#tokenizer.normalizer);
    this.#tokenizer.pre_tokenizer = exactPreTokenizer(this.#tokenizer.pre_tokenizer);
    this.#spaces = added.filter(({ lstrip, rstrip }) => lstrip || rstrip).map(
      ({ content, lstrip, rstrip }) => {
        const token = content.replace(/[\\^$.*+?()[\]{}|\/]/g, "\\$&");
        const around = [lstrip ? "\\p{White_Space}*" : "", rstrip ? "\\p{White_Space}*" : ""];
        return [new RegExp(around.join(token), "gu"), content] as const;
      },
    );
  }

  /** The tokens of a text, without special tokens around it. */
  tokenize(text: string): string[] {
    return this.#tokenizer.tokenize(this.#prepared(text));
  }

  /** The ids of a text, without special tokens around it. */
  ids(text: string): number[] {
    return this.#tokenizer.encode(this.#prepared(text), { add_special_tokens: false }).ids;
  }

  idOf(token: string): number | undefined {
    return this.#tokenizer.token_to_id(token);
  }

  /** One more than the largest id. */
  get vocabularySize(): number {
    let largest = -1;
    // Where several tokens share an id, the package's list of tokens has holes.
    for (const [token, id] of this.#tokenizer.get_vocab(true)) {
      if (token !== undefined && id > largest) largest = id;
    }
    return largest + 1;
  }

  #prepared(text: string): string {
    // A lone surrogate is no character; the reference's strings cannot hold one.
    return this.#spaces.reduce(
      (rest, [pattern, token]) => rest.replace(pattern, () => token),
      text.toWellFormed(),
    );
  }
}

class ExactBertNormalizer extends BertNormalizer {
  override normalize(text: string): string {
    return text.split(UNTOUCHED_RUNS).map((run, at) => at % 2 === 1 ? run : this.#normalizeRun(run)).join("");
  }

  #normalizeRun(text: string): string {
    const { clean_text, handle_chinese_chars, lowercase, strip_accents } = this.config;
    if (clean_text) text = text.replace(CONTROLS, "").replace(/\p{White_Space}/gu, " ");
    if (handle_chinese_chars) text = text.replace(IDEOGRAPHS, " $& ");
    if (strip_accents ?? lowercase) text = text.normalize("NFD").replace(ACCENTS, "");
    if (lowercase) text = text.replaceAll("Σ", "σ").toLowerCase();
    return text;
  }
}

class ExactBertPreTokenizer extends BertPreTokenizer {
  override pre_tokenize_text(text: string): string[] {
    return text.match(BERT_WORDS) ?? [];
  }
}

function exactNormalizer(given: Normalizer | null): Normalizer | null {
  if (given instanceof BertNormalizer) return new ExactBertNormalizer(given.config);
  if (given instanceof SequenceNormalizer) given.normalizers = given.normalizers.map(exactNormalizer);
  return given;
}

function exactPreTokenizer(given: PreTokenizer | null): PreTokenizer | null {
  if (given instanceof BertPreTokenizer) return new ExactBertPreTokenizer();
  if (given instanceof ByteLevelPreTokenizer) given.pattern = BYTE_LEVEL_PIECES;
  if (given instanceof SequencePreTokenizer) given.tokenizers = given.tokenizers.map(exactPreTokenizer);
  return given;
}
