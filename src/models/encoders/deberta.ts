/** DeBERTa-v2 and v3 (He et al., 2021, 2023), as Hugging Face's `DebertaV2Model`: content and relative places, disentangled. */
import { type Context, drop } from "../../nn/context.ts";
import { DisentangledAttention } from "../../nn/disentangled_attention.ts";
import { Embedding } from "../../nn/embedding.ts";
import { LayerNorm } from "../../nn/layer_norm.ts";
import { LayerStack } from "../../nn/layer_stack.ts";
import { activateInOnnx, Linear } from "../../nn/linear.ts";
import type { ModulePath } from "../../nn/parameters.ts";
import { RelativeEmbeddings } from "../../nn/relative_embeddings.ts";
import { ConvolvedLayer } from "../../nn/token_convolution.ts";
import { BERT_STYLE, TransformerLayer } from "../../nn/transformer.ts";
import { denseInitializer } from "../../nn/transformer_config.ts";
import type { Gpu } from "../../gpu/gpu.ts";
import type { Value } from "../../onnx/graph.ts";
import * as onnx from "../../onnx/operators.ts";
import { ACTIVATION_NAMES, type ActivationName, ACTIVATIONS } from "../../ops/activations.ts";
import { add } from "../../ops/arithmetic.ts";
import { cast } from "../../ops/cast.ts";
import { full } from "../../ops/fill.ts";
import { selectRows } from "../../ops/indexing.ts";
import { tanh } from "../../ops/pointwise.ts";
import { reshape } from "../../ops/shape.ts";
import { scope } from "../../tensor/scope.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { choice, type ConfigOf, count, flag, optional, transformerFields, whole } from "./fields.ts";
import type { HostInput, TextInput } from "./inputs.ts";
import { poolingField } from "./pooling.ts";
import { type TextEmbedder, uploadWords } from "./text_embeddings.ts";
import { textEncoder, vocabularyFields } from "./text_transformer.ts";

/** A whole number that is below 1 where it says nothing. */
const orNothing = () => optional({ ...whole(-1), minimum: -1 });

const FIELDS = {
  ...transformerFields(0.1),
  ...vocabularyFields(128100, 0),
  type_vocab_size: optional(whole(0)),
  embedding_size: optional({ ...count(768), sameAs: "hidden_size" }),
  position_biased_input: optional(flag(true)),
  relative_attention: optional({ ...flag(true), options: [true] }),
  pos_att_type: optional(choice(["none", "c2p", "p2c", "c2p|p2c", "p2c|c2p"], "none")),
  share_att_key: optional(flag(false)),
  max_relative_positions: orNothing(),
  position_buckets: orNothing(),
  norm_rel_ebd: optional(choice(["none", "layer_norm"], "none")),
  conv_kernel_size: optional(whole(0)),
  conv_groups: optional(count(1)),
  conv_act: optional(choice(["tanh", ...ACTIVATION_NAMES], "tanh")),
  pooling: poolingField(false),
};

type DebertaConfig = ConfigOf<typeof FIELDS>;

export const deberta = textEncoder({
  model_type: "deberta-v2",
  title: "a DeBERTa",
  fields: FIELDS,
  multiples: [["hidden_size", "num_attention_heads"], ["hidden_size", "conv_groups"]],
  read: (config: DebertaConfig) => config,
  parts: (config) => ({
    embeddings: (path) => new DebertaEmbeddings(path, config),
    layers: (path) => debertaLayers(path.at("encoder"), config),
  }),
  prefix: "deberta.",
  // Absolute positions stand in checkpoints of models that do not use them, too.
  ignored:
    /^(pooler|cls|lm_predictions|mask_predictions|classifier|qa_outputs)\.|^embeddings\.(position_ids$|position_embeddings\.)/,
  exported: { architecture: "DebertaV2Model" },
});

function debertaLayers(path: ModulePath, config: DebertaConfig): LayerStack {
  const places = new RelativeEmbeddings(path, config);
  const layers = Array.from(
    { length: config.num_hidden_layers },
    (_, i) =>
      new TransformerLayer(
        path.at(`layer.${i}`),
        config,
        BERT_STYLE,
        (path) => new DisentangledAttention(path, config, places),
      ),
  );
  const { conv_kernel_size: kernel, conv_groups: groups, conv_act } = config;
  if (kernel === 0) return new LayerStack(layers);
  const activation = conv_act === "tanh"
    ? { forward: tanh, toOnnx: onnx.tanh }
    : activationOf(conv_act as ActivationName);
  const [first, ...others] = layers as [TransformerLayer, ...TransformerLayer[]];
  return new LayerStack([
    new ConvolvedLayer(path.at("conv"), config, first, { kernel, groups, activation }),
    ...others,
  ]);
}

const activationOf = (name: ActivationName) => ({
  forward: ACTIVATIONS[name],
  toOnnx: (x: Value) => activateInOnnx(x, name),
});

/**
 * dropout(norm(W (word + place + type))), the projection, places and types being there as the configuration says. Declares
 * `word_embeddings`, `position_embeddings`, `token_type_embeddings`, `embed_proj` and `LayerNorm`.
 */
class DebertaEmbeddings implements TextEmbedder {
  readonly #config: DebertaConfig;
  readonly #words: Embedding;
  readonly #positions: Embedding | undefined;
  readonly #types: Embedding | undefined;
  readonly #projection: Linear | undefined;
  readonly #norm: LayerNorm;

  constructor(path: ModulePath, config: DebertaConfig) {
    const { hidden_size, embedding_size: width, initializer_range: std, pad_token_id: padding } = config;
    const table = (name: string, rows: number, options: { padding?: number } = {}) =>
      new Embedding(path.at(name), rows, width, { std, ...options });
    this.#config = config;
    this.#words = table("word_embeddings", config.vocab_size, { padding });
    this.#positions = config.position_biased_input
      ? table("position_embeddings", config.max_position_embeddings)
      : undefined;
    this.#types = config.type_vocab_size > 0
      ? table("token_type_embeddings", config.type_vocab_size)
      : undefined;
    const options = { initializer: denseInitializer(config), takesF16: true, bias: false };
    this.#projection = width === hidden_size
      ? undefined
      : new Linear(path.at("embed_proj"), width, hidden_size, options);
    this.#norm = new LayerNorm(path.at("LayerNorm"), hidden_size, config.layer_norm_eps);
  }

  upload(gpu: Gpu, input: Extract<HostInput, { readonly kind: "text" }>): TextInput {
    return uploadWords(gpu, input, this.#config, this.#config.max_position_embeddings);
  }

  forward({ ids, mask }: TextInput, context: Context): Tensor {
    const { precision = "f32" } = context;
    return scope(() => {
      const words = this.#words.forward(ids, precision);
      const placed = this.#positions ? add(words, this.#positions.first(ids.shape[1]!)) : words;
      const sum = this.#types ? add(placed, this.#types.first(1)) : placed;
      const y = this.#norm.forward(this.#projection ? this.#projection.forward(sum) : sum);
      const clean = this.#config.conv_kernel_size > 0 ? zeroPadding(y, mask) : y;
      return drop(clean, this.#config.hidden_dropout_prob, context);
    });
  }

  toOnnx(ids: Value, mask: Value): Value {
    const words = this.#words.toOnnx(ids);
    const placed = this.#positions
      ? onnx.add(words, this.#positions.firstToOnnx(onnx.sizeOf(ids, 1)))
      : words;
    const type = this.#types?.firstToOnnx(ids.graph.constant([1], "int64"));
    const sum = type ? onnx.add(placed, type) : placed;
    const y = this.#norm.toOnnx(this.#projection ? this.#projection.toOnnx(sum) : sum);
    if (this.#config.conv_kernel_size === 0) return y;
    return onnx.multiply(y, onnx.cast(onnx.reshape(mask, [0, 0, 1]), ids.graph.precision));
  }
}

/** x [batch, tokens, width] with zeros for padding, which a convolution sees. */
function zeroPadding(x: Tensor, mask: Tensor): Tensor {
  const rows = reshape(cast(x, "f32"), [-1, x.shape.at(-1)!]);
  const kept = selectRows(reshape(mask, [-1]), rows, full(x.gpu, rows.shape, 0));
  return cast(reshape(kept, x.shape), x.dtype as "f32" | "f16");
}
