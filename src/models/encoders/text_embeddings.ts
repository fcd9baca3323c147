/** From the token ids of a text to embeddings: words, places and types, added and normalised. */
import type { Gpu } from "../../gpu/gpu.ts";
import { type Context, drop } from "../../nn/context.ts";
import { Embedding } from "../../nn/embedding.ts";
import { LayerNorm } from "../../nn/layer_norm.ts";
import { Linear } from "../../nn/linear.ts";
import type { ModulePath } from "../../nn/parameters.ts";
import { denseInitializer, type TransformerConfig } from "../../nn/transformer_config.ts";
import type { Value } from "../../onnx/graph.ts";
import * as onnx from "../../onnx/operators.ts";
import { add } from "../../ops/arithmetic.ts";
import { indices } from "../../ops/indices.ts";
import { slice } from "../../ops/shape.ts";
import { scope } from "../../tensor/scope.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { PoolingName, TokenEmbedder } from "./encoder.ts";
import { type HostInput, type TextInput, uploadText } from "./inputs.ts";

/** What a transformer of texts is built by. */
export interface TextConfig extends TransformerConfig {
  readonly vocab_size: number;
  readonly max_position_embeddings: number;
  readonly pad_token_id: number;
  readonly pooling: PoolingName;
  /** The kinds of tokens that there are embeddings of; a single text is of the first kind. None if not given. */
  readonly type_vocab_size?: number;
  /** The width of the embeddings, `hidden_size` if not given; others are projected to that. */
  readonly embedding_size?: number;
}

/**
 * Counts the positions that are left for tokens, the first being the one after `pad_token_id` where `countsFromPadding`; as
 * many as you like where the configuration does not say.
 */
export function longestText(
  { max_position_embeddings: positions = Infinity, pad_token_id = 0 }: Partial<TextConfig>,
  countsFromPadding: boolean,
): number {
  return countsFromPadding ? positions - pad_token_id - 1 : positions;
}

/** From texts to embeddings of their tokens. */
export interface TextEmbedder {
  /** Throws RangeError for more tokens than there are positions, or an id beyond the vocabulary. */
  upload(gpu: Gpu, input: Extract<HostInput, { readonly kind: "text" }>): TextInput;
  /** Gives [batch, tokens, hidden]. */
  forward(input: TextInput, context: Context): Tensor;
  /** The same in a graph of ONNX, with ids and mask int64 [batch, tokens]. */
  toOnnx(ids: Value, mask: Value): Value;
  /** For joint encodings; without it, words are read by no other layers than these. */
  readonly tokens?: TokenEmbedder;
}

/** Sends the words of texts to the device. Throws RangeError for more tokens than `most`, or an id beyond the vocabulary. */
export function uploadWords(
  gpu: Gpu,
  input: Extract<HostInput, { readonly kind: "text" }>,
  { vocab_size: vocabularySize, pad_token_id: padId }: TextConfig,
  most: number,
): TextInput {
  if (input.tokens > most) {
    throw new RangeError(`Cannot encode ${input.tokens} tokens: the model has ${most} positions`);
  }
  return uploadText(gpu, input, { vocabularySize, padId });
}

/**
 * dropout(norm(word + place + type)), projected where embeddings are of another width; declares `word_embeddings`,
 * `position_embeddings`, `LayerNorm`, and as the configuration says `token_type_embeddings` and `projection`.
 */
export class TextEmbeddings implements TextEmbedder {
  readonly #config: TextConfig;
  readonly #countsFromPadding: boolean;
  readonly #words: Embedding;
  readonly #positions: Embedding;
  readonly #types: Embedding | undefined;
  readonly #norm: LayerNorm;
  readonly #projection: Linear | undefined;

  /** `countsFromPadding`: the first position is the one after `pad_token_id`, not 0. */
  constructor(path: ModulePath, config: TextConfig, countsFromPadding: boolean) {
    const { hidden_size, embedding_size: width = hidden_size, pad_token_id: padding, type_vocab_size } =
      config;
    this.#config = config;
    this.#countsFromPadding = countsFromPadding;
    const table = (name: string, rows: number, options: { padding?: number } = {}) =>
      new Embedding(path.at(name), rows, width, { std: config.initializer_range, ...options });
    this.#words = table("word_embeddings", config.vocab_size, { padding });
    this.#positions = table(
      "position_embeddings",
      config.max_position_embeddings,
      countsFromPadding ? { padding } : {},
    );
    this.#types = type_vocab_size ? table("token_type_embeddings", type_vocab_size) : undefined;
    this.#norm = new LayerNorm(path.at("LayerNorm"), width, config.layer_norm_eps);
    this.#projection = width === hidden_size
      ? undefined
      : new Linear(path.at("projection"), width, hidden_size, {
        initializer: denseInitializer(config),
        takesF16: true,
      });
  }

  upload(gpu: Gpu, input: Extract<HostInput, { readonly kind: "text" }>): TextInput {
    const { max_position_embeddings: rows, pad_token_id: padId } = this.#config;
    const { ids, tokens } = input;
    const text = uploadWords(gpu, input, this.#config, longestText(this.#config, this.#countsFromPadding));
    if (!this.#countsFromPadding) return text;
    const positions = indices(gpu, positionsFromPadding(ids, tokens, padId), [ids.length / tokens, tokens], {
      rows,
      ignore: padId,
    });
    return { ...text, positions };
  }

  get tokens(): TokenEmbedder {
    return {
      width: this.#words.weight.shape[1]!,
      types: this.#config.type_vocab_size ?? 0,
      positions: longestText(this.#config, this.#countsFromPadding),
      words: (ids, { precision = "f32" }) => this.#words.forward(ids, precision),
      embed: (tokens, type, context) => this.#embed(tokens, type, context),
    };
  }

  #embed(tokens: Tensor, type: number, context: Context): Tensor {
    const [, count] = tokens.shape as [number, number, number];
    const first = this.#countsFromPadding ? this.#config.pad_token_id + 1 : 0;
    return scope(() => {
      const places = slice(this.#positions.weight.value, 0, first, first + count);
      const types = this.#types?.weight.value;
      const where = types ? add(places, slice(types, 0, type, type + 1)) : places;
      return this.#finish(add(tokens, where), context);
    });
  }

  /** Normalises, drops and projects. */
  #finish(sum: Tensor, context: Context): Tensor {
    const dropped = drop(this.#norm.forward(sum), this.#config.hidden_dropout_prob, context);
    return this.#projection ? this.#projection.forward(dropped) : dropped;
  }

  forward({ ids, positions }: TextInput, context: Context): Tensor {
    if (this.#countsFromPadding && !positions) {
      throw new TypeError("Cannot encode text without its position ids: upload it by the same encoder");
    }
    const { precision = "f32" } = context;
    return scope(() => {
      const places = positions
        ? this.#positions.forward(positions, precision) // [batch, tokens, width]
        : this.#positions.first(ids.shape[1]!); // [tokens, width]
      const where = this.#types ? add(places, this.#types.first(1)) : places;
      return this.#finish(add(this.#words.forward(ids, precision), where), context);
    });
  }

  toOnnx(ids: Value): Value {
    const places = this.#countsFromPadding
      ? this.#positions.toOnnx(positionsInOnnx(ids, this.#config.pad_token_id))
      : this.#positions.firstToOnnx(onnx.sizeOf(ids, 1));
    const type = this.#types?.firstToOnnx(ids.graph.constant([1], "int64"));
    const sum = onnx.add(this.#words.toOnnx(ids), type ? onnx.add(places, type) : places);
    const normalised = this.#norm.toOnnx(sum);
    return this.#projection ? this.#projection.toOnnx(normalised) : normalised;
  }
}

/** Numbers the tokens of each text from `padding` + 1 on; padding is at `padding`. */
export function positionsFromPadding(ids: Uint32Array, tokens: number, padding: number): Uint32Array {
  let count = 0;
  return ids.map((id, i) => {
    if (i % tokens === 0) count = 0;
    return id === padding ? padding : padding + ++count;
  });
}

/** Does the same in a graph of ONNX, with ids int64 [batch, tokens]. */
function positionsInOnnx(ids: Value, padding: number): Value {
  const pad = onnx.scalar(padding, ids);
  const isToken = onnx.where(onnx.equal(ids, pad), onnx.scalar(0, ids), onnx.scalar(1, ids));
  // Padding gets the position of the token before it, which does not matter: it is not attended to.
  return onnx.add(onnx.cumulativeSum(isToken, 1), pad);
}
