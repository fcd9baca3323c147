/** Writes the `tokenizer.json` of bare vocabularies of BERT, RoBERTa and CLIP. */

/** The special tokens of a model by their part. */
export interface SpecialTokens {
  readonly pad: string;
  readonly class: string;
  readonly separator: string;
  readonly unknown: string;
  /** Stands for a hidden word in pretraining; a vocabulary may do without. */
  readonly mask?: string;
}

export const BERT_SPECIAL_TOKENS = {
  pad: "[PAD]",
  unknown: "[UNK]",
  class: "[CLS]",
  separator: "[SEP]",
} as const;

export const ROBERTA_SPECIAL_TOKENS = {
  pad: "<pad>",
  unknown: "<unk>",
  class: "<s>",
  separator: "</s>",
} as const;

export const CLIP_SPECIAL_TOKENS = {
  pad: "<|endoftext|>",
  unknown: "<|endoftext|>",
  class: "<|startoftext|>",
  separator: "<|endoftext|>",
} as const;

/** What ends the last piece of a word in vocabularies of CLIP. */
const END_OF_WORD = "</w>";

export interface BertNormalization {
  lowercase?: boolean;
  /** `null`: as `lowercase`. */
  strip_accents?: boolean | null;
  handle_chinese_chars?: boolean;
}

const CONTINUATION = "##";

/** The `tokenizer.json` of a BERT with this vocabulary, uncased unless told otherwise. */
export function wordPieceJson(
  ids: ReadonlyMap<string, number>,
  normalization: BertNormalization = {},
  special: SpecialTokens = BERT_SPECIAL_TOKENS,
): object {
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: addedTokens(ids, special),
    normalizer: {
      type: "BertNormalizer",
      clean_text: true,
      handle_chinese_chars: true,
      strip_accents: null,
      lowercase: true,
      ...normalization,
    },
    pre_tokenizer: { type: "BertPreTokenizer" },
    post_processor: {
      type: "BertProcessing",
      sep: [special.separator, ids.get(special.separator)],
      cls: [special.class, ids.get(special.class)],
    },
    decoder: { type: "WordPiece", prefix: CONTINUATION, cleanup: true },
    model: {
      type: "WordPiece",
      unk_token: special.unknown,
      continuing_subword_prefix: CONTINUATION,
      max_input_chars_per_word: 100,
      vocab: Object.fromEntries(ids),
    },
  };
}

/** The `tokenizer.json` of a RoBERTa: byte-level pair encoding with these merges, the earliest first. */
export function byteLevelJson(
  ids: ReadonlyMap<string, number>,
  merges: readonly (readonly [string, string])[],
  { addPrefixSpace = false, special = ROBERTA_SPECIAL_TOKENS }: {
    addPrefixSpace?: boolean;
    special?: SpecialTokens;
  } = {},
): object {
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: addedTokens(ids, special).map((token) =>
      token.content === special.mask ? { ...token, lstrip: true } : token
    ),
    normalizer: null,
    pre_tokenizer: {
      type: "ByteLevel",
      add_prefix_space: addPrefixSpace,
      trim_offsets: true,
      use_regex: true,
    },
    post_processor: {
      type: "RobertaProcessing",
      sep: [special.separator, ids.get(special.separator)],
      cls: [special.class, ids.get(special.class)],
      trim_offsets: true,
      add_prefix_space: addPrefixSpace,
    },
    decoder: { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: "BPE",
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: "",
      end_of_word_suffix: "",
      fuse_unk: false,
      byte_fallback: false,
      vocab: Object.fromEntries(ids),
      merges: merges.map((pair) => pair.join(" ")), // the form that old and new readers take
    },
  };
}

/** The `tokenizer.json` of a CLIP: words in lower case, whose last piece is told from others, by these merges. */
export function clipJson(
  ids: ReadonlyMap<string, number>,
  merges: readonly (readonly [string, string])[],
  special: SpecialTokens = CLIP_SPECIAL_TOKENS,
): object {
  const { model, ...json } = byteLevelJson(ids, merges, { special }) as { readonly model: object };
  return {
    ...json,
    normalizer: {
      type: "Sequence",
      normalizers: [
        { type: "NFC" },
        { type: "Replace", pattern: { Regex: "\\s+" }, content: " " },
        { type: "Lowercase" },
      ],
    },
    pre_tokenizer: {
      type: "Sequence",
      pretokenizers: [
        {
          type: "Split",
          pattern: { Regex: "'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+" },
          behavior: "Removed",
          invert: true,
        },
        { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true },
      ],
    },
    model: { ...model, unk_token: special.unknown, end_of_word_suffix: END_OF_WORD },
  };
}

function addedTokens(ids: ReadonlyMap<string, number>, special: SpecialTokens) {
  return Array.from(new Set<string>(Object.values(special)), (content) => ({
    id: ids.get(content),
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  }));
}
