/** The transformer over tokens of a text that BERT and its kin share: they differ in embeddings, attention and names. */
import { UserError } from "../../base/user_error.ts";
import type { Gpu } from "../../gpu/gpu.ts";
import type { Context } from "../../nn/context.ts";
import type { LayerStack } from "../../nn/layer_stack.ts";
import type { ModulePath } from "../../nn/parameters.ts";
import { type Attention, attentionBias } from "../../nn/self_attention.ts";
import { BERT_STYLE, TransformerEncoder, type TransformerStyle } from "../../nn/transformer.ts";
import type { Value } from "../../onnx/graph.ts";
import { scope } from "../../tensor/scope.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import {
  type CheckpointFormat,
  defineEncoder,
  type Encoder,
  type EncoderRow,
  type Sequence,
} from "./encoder.ts";
import { type ConfigOf, count, type Fields, optional, transformerFields, whole } from "./fields.ts";
import { type DeviceInputs, type GraphInputs, type HostInputs, inputOf } from "./inputs.ts";
import { POOLER_ADVICE, Pooling, poolingField } from "./pooling.ts";
import { longestText, type TextConfig, type TextEmbedder, TextEmbeddings } from "./text_embeddings.ts";

const INPUTS = { text: "text" } as const;

/** The fields that follow from the data, of all transformers of texts; with these defaults. */
export const vocabularyFields = (vocabulary: number, padding: number) => ({
  vocab_size: optional(count(vocabulary)),
  max_position_embeddings: optional(count(512)),
  pad_token_id: optional(whole(padding)),
});

/** The fields of BERT and of what calls its own as BERT does. */
export const bertFields = (vocabulary: number, padding: number) => ({
  ...transformerFields(0.1),
  ...vocabularyFields(vocabulary, padding),
  type_vocab_size: optional(count(2)),
  pooling: poolingField(),
});

/** The parts in which transformers of texts differ. */
export interface TextParts {
  readonly style?: TransformerStyle;
  /** Makes the embeddings below a path; `TextEmbeddings` if not given. */
  embeddings?(path: ModulePath): TextEmbedder;
  /** Makes the layers of the encoder at a path; those of a `TransformerEncoder` below `encoder` if not given. */
  layers?(path: ModulePath): LayerStack;
  /** Given the path of all layers, makes the attention of a layer below its own; `SelfAttention` if not given. */
  attention?(layers: ModulePath): (path: ModulePath) => Attention;
}

/**
 * A transformer of texts, by the names of Hugging Face's parameters of BERT.
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
  readonly #embeddings: TextEmbedder;
  readonly #layers: LayerStack;
  readonly #pooling: Pooling;

  /** `countsFromPadding`: the first position is the one after `pad_token_id`, not 0. */
  constructor(path: ModulePath, config: TextConfig, countsFromPadding: boolean, parts: TextParts = {}) {
    const layers = path.at("encoder");
    const { style = BERT_STYLE, attention } = parts;
    this.config = config;
    this.#embeddings = parts.embeddings?.(path.at("embeddings")) ??
      new TextEmbeddings(path.at("embeddings"), config, countsFromPadding);
    this.#layers = parts.layers?.(path) ??
      new TransformerEncoder(layers, config, style, attention?.(layers));
    this.#pooling = new Pooling(path, config.pooling, config);
  }

  get hiddenSize(): number {
    return this.config.hidden_size;
  }

  get sequence(): Sequence | undefined {
    const { tokens } = this.#embeddings;
    return tokens && {
      ...tokens,
      represent: (states, mask, context) => {
        if (this.config.pooling === "mean") {
          throw new UserError(
            'Cannot pool by "mean" where texts share their layers with other tokens: use first or pooler',
          );
        }
        return this.#pooling.forward({
          first: () => this.#layers.first(states, mask, context),
          all: () => this.#layers.last(states, mask, context),
        }, context);
      },
    };
  }

  /** Throws RangeError for more tokens than there are positions, or an id beyond the vocabulary. */
  upload(gpu: Gpu, inputs: HostInputs): DeviceInputs {
    const input = inputOf(inputs, "text", "text");
    const shares = this.#pooling.upload(gpu, input.mask, input.tokens);
    return { text: { ...this.#embeddings.upload(gpu, input), ...(shares && { shares }) } };
  }

  /** Pools the last hidden states: those of the first token, [CLS] or <s>, if nothing else is asked for. */
  represent(inputs: DeviceInputs, context: Context): Tensor {
    const input = inputOf(inputs, "text", "text");
    return scope(() =>
      this.#pooling.forward(
        {
          first: () => this.#layers.first(this.#embeddings.forward(input, context), input.mask, context),
          all: () => this.lastHiddenState(inputs, context),
        },
        context,
        input.shares,
      )
    );
  }

  /** Gives the embeddings and the output of each layer, [batch, tokens, hidden] each; padding holds nothing of meaning. */
  hiddenStates(inputs: DeviceInputs, context: Context): Tensor[] {
    const input = inputOf(inputs, "text", "text");
    return scope(() =>
      this.#layers.hiddenStates(this.#embeddings.forward(input, context), input.mask, context)
    );
  }

  /** Gives the output of the last layer for every token, [batch, tokens, hidden]; padding holds nothing of meaning. */
  lastHiddenState(inputs: DeviceInputs, context: Context): Tensor {
    const input = inputOf(inputs, "text", "text");
    return scope(() => this.#layers.last(this.#embeddings.forward(input, context), input.mask, context));
  }

  toOnnx(inputs: GraphInputs): Value {
    const { ids, mask } = inputOf(inputs, "text", "text");
    const [embedded, bias] = [this.#embeddings.toOnnx(ids, mask), attentionBias(mask)];
    return this.#pooling.toOnnx({
      first: () => this.#layers.firstToOnnx(embedded, bias),
      all: () => this.#layers.lastToOnnx(embedded, bias),
    }, mask);
  }
}

type Said<F extends Fields> =
  & Pick<
    EncoderRow<F>,
    "model_type" | "title" | "fields" | "multiples" | "layersField" | "readsRawTexts" | "exported"
  >
  & Omit<CheckpointFormat, "fit">
  & {
    /** The fields that it is built by, where some have other names. */
    read(config: ConfigOf<F>): TextConfig;
    parts?(config: ConfigOf<F>): TextParts;
    /** True: the first position is the one after `pad_token_id`, not 0. */
    readonly countsFromPadding?: boolean;
  };

/** Describes a kind of transformer of texts. */
export function textEncoder<F extends Fields & ReturnType<typeof vocabularyFields>>(
  { prefix, ignored, renames = [], advice = POOLER_ADVICE, exported, read, parts, ...rest }: Said<F>,
) {
  const { countsFromPadding = false, ...said } = rest;
  return defineEncoder({
    multiples: [["hidden_size", "num_attention_heads"]],
    ...said,
    exported: { wordEmbeddings: "embeddings.word_embeddings.weight", ...exported },
    inputs: INPUTS,
    representation: "last hidden state",
    fromData: ({ text: { vocabularySize, maxTokens, padId } }) => ({
      vocab_size: vocabularySize,
      pad_token_id: padId,
      max_position_embeddings: countsFromPadding ? maxTokens + padId + 1 : maxTokens,
    } as Partial<ConfigOf<F>>),
    build: (path, config) => new TextTransformer(path, read(config), countsFromPadding, parts?.(config)),
    longestText: (config) => longestText(config as Partial<TextConfig>, countsFromPadding),
    checkpoint: { prefix, ignored, renames, advice },
  });
}

/** What is built by the fields of BERT as they are. */
export const LIKE_BERT = {
  read: (config: ConfigOf<ReturnType<typeof bertFields>>): TextConfig => config,
};
