/** Runs a `tokenizer.json` as the reference implementation does, by a package of which some steps are replaced. */
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
import { type AddedToken, addedToken, AddedTokens } from "./added_tokens.ts";
import {
  ACCENTS,
  BERT_WORDS,
  BYTE_LEVEL_PIECES,
  CONTROLS,
  IDEOGRAPHS,
  UNTOUCHED_RUNS,
} from "./reference_unicode.ts";

/**
 * The package's tokenizer of a `tokenizer.json`, but with the steps in which it departs from the reference replaced:
 * - BERT's normaliser: the package lower-cases a final Σ to ς, does not see ideographs beyond U+FFFF, and knows newer
 *   characters;
 * - the pieces of both pre-tokenizers: JavaScript's white space is not Unicode's, and newer characters again;
 * - added tokens: the package puts them into the model's vocabulary, passes over `single_word`, and trims the white space
 *   around them as JavaScript does.
 */
export class ReferenceTokenizer {
  readonly #tokenizer: Tokenizer;
  readonly #added: AddedTokens;
  readonly #addedIds: ReadonlyMap<string, number>;

  /** `json` needs `model` and `added_tokens`. Throws what the package throws where it cannot use them. */
  constructor(json: object) {
    const given = (json as { added_tokens?: Parameters<typeof addedToken>[0][] }).added_tokens ?? [];
    const added = given.map(addedToken);
    this.#tokenizer = new Tokenizer({
      normalizer: null,
      pre_tokenizer: null,
      post_processor: null,
      decoder: null,
      ...json,
      added_tokens: [],
    }, {});
    const normalizer = exactNormalizer(this.#tokenizer.normalizer);
    this.#tokenizer.normalizer = null; // texts are normalised before they come to the package
    this.#tokenizer.pre_tokenizer = exactPreTokenizer(this.#tokenizer.pre_tokenizer);
    this.#added = new AddedTokens(added, (text) => normalizer?.normalize(text) ?? text);
    this.#addedIds = new Map(added.map(({ content, id }) => [content, id]));
  }

  /** The tokens of a text, without special tokens around it. */
  tokenize(text: string): string[] {
    return this.#split(text).flatMap((part) =>
      typeof part === "string" ? this.#tokenizer.tokenize(part) : [part.content]
    );
  }

  /** The ids of a text, without special tokens around it. */
  ids(text: string): number[] {
    return this.#split(text).flatMap((part) =>
      typeof part === "string" ? this.#tokenizer.encode(part, { add_special_tokens: false }).ids : [part.id]
    );
  }

  idOf(token: string): number | undefined {
    return this.#addedIds.get(token) ?? this.#tokenizer.token_to_id(token);
  }

  /** One more than the largest id. */
  get vocabularySize(): number {
    let largest = -1;
    for (const id of this.#addedIds.values()) largest = Math.max(largest, id);
    // Where several tokens share an id, the package's list of tokens has holes.
    for (const [token, id] of this.#tokenizer.get_vocab(true)) {
      if (token !== undefined) largest = Math.max(largest, id);
    }
    return largest + 1;
  }

  #split(text: string): (AddedToken | string)[] {
    // A lone surrogate is no character; the reference's strings cannot hold one.
    return this.#added.split(text.toWellFormed());
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
