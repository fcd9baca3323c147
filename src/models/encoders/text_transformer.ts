/** The transformer over tokens of a text that BERT and its kin share: they differ in how they count positions. */
import type { Gpu } from "../../gpu/gpu.ts";
import { type Context, drop } from "../../nn/context.ts";
import { Embedding } from "../../nn/embedding.ts";
import { LayerNorm } from "../../nn/layer_norm.ts";
import type { ModulePath } from "../../nn/parameters.ts";
import { attentionBias } from "../../nn/self_attention.ts";
import { BERT_STYLE, TransformerEncoder } from "../../nn/transformer.ts";
import type { Value } from "../../onnx/graph.ts";
import * as onnx from "../../onnx/operators.ts";
import { indices } from "../../ops/indices.ts";
import { add } from "../../ops/arithmetic.ts";
import { scope } from "../../tensor/scope.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { defineEncoder, type Encoder, type EncoderRow } from "./encoder.ts";
import { type ConfigOf, count, optional, transformerFields, whole } from "./fields.ts";
import {
  type DeviceInputs,
  type GraphInputs,
  type HostInputs,
  inputOf,
  type TextInput,
  uploadText,
} from "./inputs.ts";
import { POOLER_ADVICE, Pooling, poolingField } from "./pooling.ts";

const INPUTS = { text: "text" } as const;

const fieldsFor = (vocabulary: number, padding: number) => ({
  ...transformerFields(0.1),
  vocab_size: optional(count(vocabulary)),
  max_position_embeddings: optional(count(512)),
  type_vocab_size: optional(count(2)),
  pad_token_id: optional(whole(padding)),
  pooling: poolingField(),
});

export type TextConfig = ConfigOf<ReturnType<typeof fieldsFor>>;

/**
 * A transformer of texts, by the names of Hugging Face's parameters.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { EVALUATION, Gpu, Parameters } from "unis/engine";
 * import { bert } from "unis/models";
 *
 * const gpu = await Gpu.open();
 * const text = { kind: "text", name: "text", vocabularySize: 9, maxTokens: 4, padId: 0 } as const;
 * const small = { hidden_size: 8, num_hidden_layers: 1, num_attention_heads: 2, intermediate_size: 8 };
 * const parameters = new Parameters();
 * const encoder = bert.build(parameters.root, bert.configure({ ...small, ...bert.fromData({ text }) }), { text });
 * parameters.allocate(gpu, 0);
 * const [ids, mask] = [Uint32Array.of(2, 5, 3, 0), Uint32Array.of(1, 1, 1, 0)]; // one text of three tokens, padded
 * const inputs = encoder.upload(gpu, { text: { kind: "text", ids, mask, tokens: 4 } });
 * assert.deepEqual(encoder.represent(inputs, EVALUATION).shape, [1, 8]);
 * gpu.destroy();
 * ```
 */
export class TextTransformer implements Encoder {
  readonly inputs = INPUTS;
  readonly config: TextConfig;
  readonly #countsFromPadding: boolean;
  readonly #words: Embedding;
  readonly #positions: Embedding;
  readonly #types: Embedding;
  readonly #norm: LayerNorm;
  readonly #encoder: TransformerEncoder;
  readonly #pooling: Pooling;

  /** `countsFromPadding`: the first position is the one after `pad_token_id`, not 0. */
  constructor(path: ModulePath, config: TextConfig, countsFromPadding: boolean) {
    const { hidden_size: width, pad_token_id: padding, initializer_range: std } = config;
    this.config = config;
    this.#countsFromPadding = countsFromPadding;
    const embeddings = path.at("embeddings");
    const table = (name: string, rows: number, options: { padding?: number } = {}) =>
      new Embedding(embeddings.at(name), rows, width, { std, ...options });
    this.#words = table("word_embeddings", config.vocab_size, { padding });
    this.#positions = table(
      "position_embeddings",
      config.max_position_embeddings,
      countsFromPadding ? { padding } : {},
    );
    this.#types = table("token_type_embeddings", config.type_vocab_size);
    this.#norm = new LayerNorm(embeddings.at("LayerNorm"), width, config.layer_norm_eps);
    this.#encoder = new TransformerEncoder(path.at("encoder"), config, BERT_STYLE);
    this.#pooling = new Pooling(path, config.pooling, config);
  }

  get hiddenSize(): number {
    return this.config.hidden_size;
  }

  /** Throws RangeError for more tokens than there are positions, or an id beyond the vocabulary. */
  upload(gpu: Gpu, inputs: HostInputs): DeviceInputs {
    const input = inputOf(inputs, "text", "text");
    const { vocab_size: vocabularySize, max_position_embeddings: rows, pad_token_id: padId } = this.config;
    const { ids, mask, tokens } = input;
    const most = longestText(this.config, this.#countsFromPadding);
    if (tokens > most) {
      throw new RangeError(`Cannot encode ${tokens} tokens: the model has ${most} positions`);
    }
    const shares = this.#pooling.upload(gpu, mask, tokens);
    const text = { ...uploadText(gpu, input, { vocabularySize, padId }), ...(shares && { shares }) };
    if (!this.#countsFromPadding) return { text };
    const positions = indices(gpu, positionsFromPadding(ids, tokens, padId), [ids.length / tokens, tokens], {
      rows,
      ignore: padId,
    });
    return { text: { ...text, positions } };
  }

  /** Pools the last hidden states: those of the first token, [CLS] or <s>, if nothing else is asked for. */
  represent(inputs: DeviceInputs, context: Context): Tensor {
    const input = inputOf(inputs, "text", "text");
    return scope(() =>
      this.#pooling.forward({
        first: () => this.#encoder.first(this.#embed(input, context), input.mask, context),
        all: () => this.#encoder.last(this.#embed(input, context), input.mask, context),
      }, input.shares)
    );
  }

  /** Gives the embeddings and the output of each layer, [batch, tokens, hidden] each; padding holds nothing of meaning. */
  hiddenStates(inputs: DeviceInputs, context: Context): Tensor[] {
    const input = inputOf(inputs, "text", "text");
    return scope(() => this.#encoder.hiddenStates(this.#embed(input, context), input.mask, context));
  }

  /** Gives the output of the last layer for every token, [batch, tokens, hidden]; padding holds nothing of meaning. */
  lastHiddenState(inputs: DeviceInputs, context: Context): Tensor {
    return scope(() => this.hiddenStates(inputs, context).at(-1)!);
  }

  #embed({ ids, positions }: TextInput, context: Context): Tensor {
    if (this.#countsFromPadding && !positions) {
      throw new TypeError("Cannot encode text without its position ids: upload it by the same encoder");
    }
    const { precision = "f32" } = context;
    return scope(() => {
      const type = this.#types.first(1); // single texts are of type 0
      const places = positions
        ? add(this.#positions.forward(positions, precision), type) // [batch, tokens, hidden]
        : add(this.#positions.first(ids.shape[1]!), type); // [tokens, hidden]
      const sum = add(this.#words.forward(ids, precision), places);
      return drop(this.#norm.forward(sum), this.config.hidden_dropout_prob, context);
    });
  }

  toOnnx(inputs: GraphInputs): Value {
    const { ids, mask } = inputOf(inputs, "text", "text");
    const type = this.#types.firstToOnnx(ids.graph.constant([1], "int64"));
    const places = this.#countsFromPadding
      ? this.#positions.toOnnx(positionsInOnnx(ids, this.config.pad_token_id))
      : this.#positions.firstToOnnx(onnx.sizeOf(ids, 1));
    const sum = onnx.add(this.#words.toOnnx(ids), onnx.add(places, type));
    const [embedded, bias] = [this.#norm.toOnnx(sum), attentionBias(mask)];
    return this.#pooling.toOnnx({
      first: () => this.#encoder.firstToOnnx(embedded, bias),
      all: () => this.#encoder.lastToOnnx(embedded, bias),
    }, mask);
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

/** Counts the positions that are left for tokens; as many as you like where the configuration does not say. */
function longestText(
  { max_position_embeddings: positions = Infinity, pad_token_id = 0 }: Partial<TextConfig>,
  countsFromPadding: boolean,
): number {
  return countsFromPadding ? positions - pad_token_id - 1 : positions;
}

type Said = Pick<EncoderRow, "model_type" | "title" | "readsRawTexts" | "exported"> & {
  readonly vocabulary: number;
  readonly padding: number;
  readonly countsFromPadding: boolean;
  /** See `CheckpointFormat`. */
  readonly prefix: string;
  readonly ignored: RegExp;
};

/** Describes a kind of text transformer; `vocabulary` and `padding` are the defaults of its fields. */
export function textEncoder(
  { vocabulary, padding, countsFromPadding, prefix, ignored, exported, ...said }: Said,
) {
  return defineEncoder({
    ...said,
    exported: { wordEmbeddings: "embeddings.word_embeddings.weight", ...exported },
    inputs: INPUTS,
    fields: fieldsFor(vocabulary, padding),
    multiples: [["hidden_size", "num_attention_heads"]],
    representation: "last hidden state",
    fromData: ({ text: { vocabularySize, maxTokens, padId } }) => ({
      vocab_size: vocabularySize,
      pad_token_id: padId,
      max_position_embeddings: countsFromPadding ? maxTokens + padId + 1 : maxTokens,
    }),
    build: (path, config) => new TextTransformer(path, config, countsFromPadding),
    longestText: (config) => longestText(config, countsFromPadding),
    checkpoint: { prefix, ignored, advice: POOLER_ADVICE },
  });
}
