/** Reads the models of SentencePiece that XLM-RoBERTa and DeBERTa come with, as a `tokenizer.json`. */
import { BinaryReader } from "@bufbuild/protobuf/wire";
import { Buffer } from "node:buffer";
import { basename } from "node:path";
import { UserError } from "../../base/user_error.ts";
import { readBytes } from "../../io/file_bytes.ts";
import { addedToken } from "./added_tokens.ts";
import { BERT_SPECIAL_TOKENS, ROBERTA_SPECIAL_TOKENS } from "./tokenizer_json.ts";

type Pieces = readonly (readonly [piece: string, score: number])[];

/** A model, as far as it is needed; fields have the numbers of `sentencepiece_model.proto`. */
interface Model {
  readonly pieces: Pieces;
  readonly isUnigram: boolean;
  readonly unknownId: number;
  /** Base64; empty where texts are not normalised. */
  readonly charsMap: string;
}

const MARK = "▁";
const MASK = { roberta: "<mask>", bert: "[MASK]" } as const;
const { pad, unknown, class: start, separator: end } = ROBERTA_SPECIAL_TOKENS;

/** What `transformers` makes of each file, by its name. */
const KINDS: Readonly<Record<string, (model: Model, options: SentencePieceOptions) => object>> = {
  /** XLM-RoBERTa: its special tokens stand in the place of the first three pieces. */
  "sentencepiece.bpe.model"({ pieces, charsMap }) {
    const special = [start, pad, end, unknown];
    const vocab = [...special.map(scored), ...pieces.slice(3), scored(MASK.roberta)];
    return describe({
      vocab,
      unknownId: 3,
      added: [
        ...special.map((content, id) => ({ content, id })),
        { content: MASK.roberta, id: vocab.length - 1, lstrip: true, normalized: true },
      ],
      normalizers: mapped(charsMap),
      preTokenizer: METASPACE,
      between: [end, end],
      types: [0, 0],
    });
  },
  /** DeBERTa: pieces as they are, and a mask after them. */
  "spm.model"({ pieces, charsMap, unknownId }, { lowercase = false }) {
    const special = [pieces[0]!, pieces[1]!, pieces[2]!, pieces[unknownId]!].map(([piece]) => piece);
    const { pad, class: start, separator: end } = BERT_SPECIAL_TOKENS;
    if (!special.includes(pad) || !special.includes(start) || !special.includes(end)) {
      throw new RangeError(`its first pieces are ${special.join(", ")}, not the special tokens of a DeBERTa`);
    }
    return describe({
      vocab: pieces,
      unknownId,
      added: [
        ...special.map((content) => ({ content, id: pieces.findIndex(([piece]) => piece === content) })),
        { content: MASK.bert, id: pieces.length },
      ],
      normalizers: [
        ...lowercase ? [{ type: "Lowercase" }] : [],
        { type: "Strip", strip_left: true, strip_right: true },
        ...mapped(charsMap),
      ],
      preTokenizer: { type: "Sequence", pretokenizers: [METASPACE] },
      enclosing: [start, end],
      between: [end],
      types: [0, 1],
    });
  },
};

/** The names under which models are found beside checkpoints. */
export const SENTENCE_PIECE_FILES: readonly string[] = Object.keys(KINDS);

export interface SentencePieceOptions {
  /** True: texts are lower-cased first, as `do_lower_case` of DeBERTa says. */
  readonly lowercase?: boolean;
}

const METASPACE = { type: "Metaspace", replacement: MARK, add_prefix_space: true };
const scored = (piece: string) => [piece, 0] as const;
const mapped = (charsMap: string) => [
  ...charsMap === "" ? [] : [{ type: "Precompiled", precompiled_charsmap: charsMap }],
  { type: "Replace", pattern: { Regex: " {2,}" }, content: " " },
];

/**
 * Reads a model, one of `SENTENCE_PIECE_FILES`, as the `tokenizer.json` that transformers makes of it. Throws a UserError
 * that names the file where it is damaged or no unigram model.
 */
export function readSentencePiece(path: string, options: SentencePieceOptions = {}): object {
  const fail = (why: string, cause?: unknown) =>
    new UserError(`Cannot read the tokenizer ${path}: ${why}`, { cause });
  const kind = KINDS[basename(path)];
  if (kind === undefined) throw fail(`it is called none of ${SENTENCE_PIECE_FILES.join(", ")}`);
  const bytes = readBytes(path);
  try {
    const model = readModel(bytes);
    if (!model.isUnigram) throw new RangeError("only unigram models are supported");
    if (model.pieces.length <= Math.max(3, model.unknownId)) throw new RangeError("it has no pieces");
    return kind(model, options);
  } catch (error) {
    throw fail((error as Error).message, error);
  }
}

interface Description {
  readonly vocab: Pieces;
  readonly unknownId: number;
  readonly added: readonly Parameters<typeof addedToken>[0][];
  readonly normalizers: readonly object[];
  readonly preTokenizer: object;
  /** What stands around a text, and between two of them; the type ids of these. */
  readonly enclosing?: readonly [start: string, end: string];
  readonly between: readonly string[];
  readonly types: readonly [first: number, second: number];
}

function describe(
  { vocab, unknownId, added, normalizers, preTokenizer, enclosing = [start, end], between, types }:
    Description,
): object {
  const [first, last] = enclosing;
  const special = (id: string, type_id: number) => ({ SpecialToken: { id, type_id } });
  const sequence = (id: string, type_id: number) => ({ Sequence: { id, type_id } });
  const idOf = (token: string) => vocab.findIndex(([piece]) => piece === token);
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: added.map(({ content, id, ...flags }) => ({
      ...addedToken({ content, id, special: true, ...flags }),
    })),
    normalizer: { type: "Sequence", normalizers },
    pre_tokenizer: preTokenizer,
    post_processor: {
      type: "TemplateProcessing",
      single: [special(first, 0), sequence("A", 0), special(last, 0)],
      pair: [
        special(first, 0),
        sequence("A", types[0]),
        ...between.map((token) => special(token, types[0])),
        sequence("B", types[1]),
        special(last, types[1]),
      ],
      special_tokens: Object.fromEntries(
        [first, last].toSorted().map((token) => [token, { id: token, ids: [idOf(token)], tokens: [token] }]),
      ),
    },
    decoder: METASPACE,
    model: { type: "Unigram", unk_id: unknownId, vocab },
  };
}

/** Calls the reader of each field of a message, and passes over fields that have none. */
function readMessage(
  bytes: Uint8Array,
  readers: Readonly<Record<number, (reader: BinaryReader) => void>>,
): void {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    const read = readers[field];
    if (read === undefined) reader.skip(type, field);
    else read(reader);
  }
}

const UNIGRAM = 1;

function readModel(bytes: Uint8Array): Model {
  const pieces: (readonly [string, number])[] = [];
  let [kind, unknownId, charsMap] = [UNIGRAM, 0, ""];
  readMessage(bytes, {
    1: (model) => {
      let [piece, score] = ["", 0];
      readMessage(model.bytes(), {
        1: (one) => piece = one.string(),
        2: (one) => score = one.float(),
      });
      pieces.push([piece, score]);
    },
    2: (model) =>
      readMessage(model.bytes(), {
        3: (trainer) => kind = trainer.int32(),
        40: (trainer) => unknownId = trainer.int32(),
      }),
    3: (model) =>
      readMessage(model.bytes(), {
        2: (normalizer) => charsMap = Buffer.from(normalizer.bytes()).toString("base64"),
      }),
  });
  return { pieces, isUnigram: kind === UNIGRAM, unknownId, charsMap };
}
