/** Runs a `tokenizer.json` as the reference implementation does, by a package of which some steps are replaced. */
import { Tokenizer } from "@huggingface/tokenizers";
import { type AddedToken, addedToken, AddedTokens } from "./added_tokens.ts";
import { exactNormalizer, exactPreTokenizer } from "./reference_steps.ts";
import { type UnigramConfig, UnigramModel } from "./unigram.ts";

/** A `tokenizer.json`, as far as it is looked at here. */
interface TokenizerJson {
  readonly model: { readonly type?: string };
  readonly added_tokens?: readonly Parameters<typeof addedToken>[0][];
  readonly normalizer?: Readonly<Record<string, unknown>> | null;
  readonly pre_tokenizer?: Readonly<Record<string, unknown>> | null;
}

/** Stands in the place of a model that the package is not to build. */
const NO_MODEL = { type: "BPE", vocab: {}, merges: [] };

/**
 * The package's tokenizer of a `tokenizer.json`, but with the steps in which it departs from the reference replaced:
 * - BERT's normaliser: the package lower-cases a final Σ to ς, does not see ideographs beyond U+FFFF, and knows newer
 *   characters;
 * - the pieces of both pre-tokenizers: JavaScript's white space is not Unicode's, and newer characters again;
 * - the normaliser of SentencePiece, for which the package has an approximation; white space, letters and numbers again in
 *   patterns; "▁" before words, which begins each of them;
 * - the unigram model, for which the package keeps a tree of all pieces and takes other ways that are as likely;
 * - added tokens: the package puts them into the model's vocabulary, passes over `single_word`, and trims the white space
 *   around them as JavaScript does.
 */
export class ReferenceTokenizer {
  readonly #tokenizer: Tokenizer;
  readonly #added: AddedTokens;
  readonly #addedIds: ReadonlyMap<string, number>;
  /** By id, made when they are first asked for. */
  #tokens: ReadonlyMap<number, string> | undefined;

  /** `json` needs `model` and `added_tokens`. Throws what the package throws where it cannot use them. */
  constructor(json: object) {
    const { model, added_tokens = [], normalizer: normalizes, pre_tokenizer: splits } = json as TokenizerJson;
    const isUnigram = model.type === "Unigram";
    const added = added_tokens.map(addedToken);
    this.#tokenizer = new Tokenizer({
      normalizer: null,
      pre_tokenizer: null,
      post_processor: null,
      decoder: null,
      ...json,
      ...(isUnigram && { model: NO_MODEL }),
      added_tokens: [],
    }, {});
    if (isUnigram) this.#tokenizer.model = new UnigramModel(model as unknown as UnigramConfig);
    const normalizer = exactNormalizer(this.#tokenizer.normalizer, normalizes);
    this.#tokenizer.normalizer = null; // texts are normalised before they come to the package
    this.#tokenizer.pre_tokenizer = exactPreTokenizer(this.#tokenizer.pre_tokenizer, splits);
    this.#added = new AddedTokens(added, (text) => normalizer?.normalize(text) ?? text);
    this.#addedIds = new Map(added.map(({ content, id }) => [content, id]));
  }

  /** The tokens of a text, without special tokens around it. */
  tokenize(text: string): string[] {
    return this.#split(text).flatMap((part, at) =>
      typeof part === "string" ? this.#pieces(part, at) : [part.content]
    );
  }

  /** The ids of a text, without special tokens around it. */
  ids(text: string): number[] {
    const { tokens_to_ids, unk_token_id } = this.#tokenizer.model!;
    return this.#split(text).flatMap((part, at) =>
      typeof part === "string"
        ? this.#pieces(part, at).map((piece) => tokens_to_ids.get(piece) ?? unk_token_id!)
        : [part.id]
    );
  }

  /** The pieces of a stretch of text, the one at place `at` between added tokens. */
  #pieces(text: string, at: number): string[] {
    const { pre_tokenizer, model } = this.#tokenizer;
    const words = pre_tokenizer?.pre_tokenize_text(text, { section_index: at }) ?? [text];
    return model!._call(words);
  }

  idOf(token: string): number | undefined {
    return this.#addedIds.get(token) ?? this.#tokenizer.token_to_id(token);
  }

  /** The token of an id as a reader knows it, without the marks of its vocabulary for spaces and bytes; empty for no id. */
  textOf(id: number): string {
    this.#tokens ??= new Map([
      ...Array.from(this.#tokenizer.get_vocab(true), ([token, id]) => [id, token] as const),
      ...Array.from(this.#addedIds, ([token, id]) => [id, token] as const),
    ]);
    const token = this.#tokens.get(id) ?? "";
    return (this.#tokenizer.decoder?.decode([token]) ?? token).trim() || token;
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
