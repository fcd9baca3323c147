/** ModernBERT (Warner et al., 2024), as Hugging Face's `ModernBertModel`: rotary positions, windows, gated inner layers. */
import type { Gpu } from "../../gpu/gpu.ts";
import { type Context, drop, dropAdd } from "../../nn/context.ts";
import { Embedding } from "../../nn/embedding.ts";
import { LayerNorm } from "../../nn/layer_norm.ts";
import { type Layer, LayerStack } from "../../nn/layer_stack.ts";
import { activateInOnnx, Linear } from "../../nn/linear.ts";
import type { ModulePath } from "../../nn/parameters.ts";
import { RotaryAttention, Rotation } from "../../nn/rotary_attention.ts";
import { firstToken, firstTokenInOnnx } from "../../nn/self_attention.ts";
import { denseInitializer } from "../../nn/transformer_config.ts";
import type { Value } from "../../onnx/graph.ts";
import * as onnx from "../../onnx/operators.ts";
import { ACTIVATION_NAMES, ACTIVATIONS } from "../../ops/activations.ts";
import { add, mul } from "../../ops/arithmetic.ts";
import { slice } from "../../ops/shape.ts";
import { scope } from "../../tensor/scope.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import {
  choice,
  type ConfigOf,
  count,
  flag,
  optional,
  positive,
  probability,
  transformerFields,
} from "./fields.ts";
import type { HostInput, TextInput } from "./inputs.ts";
import { poolingField } from "./pooling.ts";
import { type TextConfig, type TextEmbedder, uploadWords } from "./text_embeddings.ts";
import { textEncoder, vocabularyFields } from "./text_transformer.ts";

const { hidden_size, num_attention_heads, initializer_range, dense_initializer } = transformerFields(0);

const FIELDS = {
  hidden_size,
  num_hidden_layers: count(22),
  num_attention_heads,
  intermediate_size: count(1152),
  initializer_range,
  dense_initializer,
  ...vocabularyFields(50368, 50283),
  hidden_activation: optional(choice(ACTIVATION_NAMES, "gelu")),
  norm_eps: optional(positive(1e-5)),
  norm_bias: optional(flag(false)),
  attention_bias: optional(flag(false)),
  mlp_bias: optional(flag(false)),
  embedding_dropout: optional(probability(0)),
  attention_dropout: optional(probability(0)),
  mlp_dropout: optional(probability(0)),
  /** The layers 0, n, 2n, … attend to all tokens, the others to a window. */
  global_attn_every_n_layers: optional(count(3)),
  /** The width of the window: half of it on either side of a token. */
  local_attention: optional(count(128)),
  global_rope_theta: optional(positive(160000)),
  local_rope_theta: optional(positive(10000)),
  pooling: poolingField(false),
};

type Fields = ConfigOf<typeof FIELDS>;
type ModernBertConfig = TextConfig & Fields;

const read = (config: Fields): ModernBertConfig => ({
  ...config,
  hidden_act: config.hidden_activation,
  hidden_dropout_prob: config.embedding_dropout,
  attention_probs_dropout_prob: config.attention_dropout,
  layer_norm_eps: config.norm_eps,
});

export const modernbert = textEncoder({
  model_type: "modernbert",
  title: "a ModernBERT",
  fields: FIELDS,
  read,
  parts(fields) {
    const config = read(fields);
    return {
      embeddings: (path) => new ModernBertEmbeddings(path, config),
      layers: (path) => modernBertLayers(path, config),
    };
  },
  prefix: "model.",
  ignored: /^(head|decoder|classifier)\./,
  renames: [["layers.*", "encoder.layer.*"]],
  exported: { architecture: "ModernBertModel", wordEmbeddings: "embeddings.tok_embeddings.weight" },
});

/** norm(word), places being the attention's concern; declares `tok_embeddings` and `norm`. */
class ModernBertEmbeddings implements TextEmbedder {
  readonly #config: ModernBertConfig;
  readonly #words: Embedding;
  readonly #norm: LayerNorm;

  constructor(path: ModulePath, config: ModernBertConfig) {
    const { hidden_size: width, vocab_size, initializer_range: std, pad_token_id: padding } = config;
    this.#config = config;
    this.#words = new Embedding(path.at("tok_embeddings"), vocab_size, width, { std, padding });
    this.#norm = new LayerNorm(path.at("norm"), width, config.norm_eps, config.norm_bias);
  }

  upload(gpu: Gpu, input: Extract<HostInput, { readonly kind: "text" }>): TextInput {
    return uploadWords(gpu, input, this.#config, this.#config.max_position_embeddings);
  }

  forward({ ids }: TextInput, context: Context): Tensor {
    const { precision = "f32" } = context;
    return scope(() =>
      drop(this.#norm.forward(this.#words.forward(ids, precision)), this.#config.embedding_dropout, context)
    );
  }

  toOnnx(ids: Value): Value {
    return this.#norm.toOnnx(this.#words.toOnnx(ids));
  }
}

function modernBertLayers(path: ModulePath, config: ModernBertConfig): LayerStack {
  const { hidden_size: width, num_attention_heads: heads, max_position_embeddings: places } = config;
  const rotation = (name: string, theta: number) =>
    new Rotation(path.at(name), { places, dim: width / heads, theta });
  const everywhere = { rotation: rotation("rotation.global", config.global_rope_theta) };
  const nearby = {
    rotation: rotation("rotation.local", config.local_rope_theta),
    window: Math.floor(config.local_attention / 2),
  };
  const layers = Array.from({ length: config.num_hidden_layers }, (_, i) => {
    const seen = i % config.global_attn_every_n_layers === 0 ? everywhere : nearby;
    const attention = (path: ModulePath) =>
      new RotaryAttention(path, config, { ...seen, bias: config.attention_bias });
    return new ModernBertLayer(path.at(`encoder.layer.${i}`), config, attention, i > 0);
  });
  return new LayerStack(
    layers,
    new LayerNorm(path.at("final_norm"), width, config.norm_eps, config.norm_bias),
  );
}

/**
 * y = x + Wo attention(norm x), then y + Wo (act(a) ⊙ b), where a and b are the halves of Wi norm(y). The first layer does
 * not normalise what it attends to, which the embeddings have done.
 */
class ModernBertLayer implements Layer {
  readonly #attentionNorm: LayerNorm | undefined;
  readonly #attention: RotaryAttention;
  readonly #attentionOutput: Linear;
  readonly #innerNorm: LayerNorm;
  readonly #inner: Linear;
  readonly #innerOutput: Linear;
  readonly #config: ModernBertConfig;

  constructor(
    path: ModulePath,
    config: ModernBertConfig,
    attention: (path: ModulePath) => RotaryAttention,
    normalises: boolean,
  ) {
    const { hidden_size: width, intermediate_size: inner, norm_eps, norm_bias, attention_bias, mlp_bias } =
      config;
    const norm = (name: string) => new LayerNorm(path.at(name), width, norm_eps, norm_bias);
    const linear = (name: string, inputs: number, outputs: number, bias: boolean) =>
      new Linear(path.at(name), inputs, outputs, {
        initializer: denseInitializer(config),
        takesF16: true,
        bias,
      });
    this.#attentionNorm = normalises ? norm("attn_norm") : undefined;
    this.#attention = attention(path.at("attn"));
    this.#attentionOutput = linear("attn.Wo", width, width, attention_bias);
    this.#innerNorm = norm("mlp_norm");
    this.#inner = linear("mlp.Wi", width, 2 * inner, mlp_bias);
    this.#innerOutput = linear("mlp.Wo", inner, width, mlp_bias);
    this.#config = config;
  }

  forward(x: Tensor, mask: Tensor | undefined, context: Context, onlyFirst: boolean): Tensor {
    const { intermediate_size: inner, hidden_activation, attention_dropout, mlp_dropout } = this.#config;
    return scope(() => {
      const normalised = this.#attentionNorm ? this.#attentionNorm.forward(x) : x;
      const attended = this.#attentionOutput.forward(
        this.#attention.forward(normalised, mask, context, onlyFirst),
      );
      const y = dropAdd(onlyFirst ? firstToken(x) : x, attended, attention_dropout, context);
      const both = this.#inner.forward(this.#innerNorm.forward(y));
      const gated = mul(ACTIVATIONS[hidden_activation](slice(both, 2, 0, inner)), slice(both, 2, inner));
      return add(y, this.#innerOutput.forward(drop(gated, mlp_dropout, context)));
    });
  }

  toOnnx(x: Value, bias: Value | undefined, onlyFirst: boolean): Value {
    const { intermediate_size: inner, hidden_activation } = this.#config;
    const normalised = this.#attentionNorm ? this.#attentionNorm.toOnnx(x) : x;
    const attended = this.#attentionOutput.toOnnx(this.#attention.toOnnx(normalised, bias, onlyFirst));
    const y = onnx.add(onlyFirst ? firstTokenInOnnx(x) : x, attended);
    const both = this.#inner.toOnnx(this.#innerNorm.toOnnx(y));
    const [a, b] = [onnx.slice(both, 2, 0, inner), onnx.slice(both, 2, inner, 2 * inner)];
    return onnx.add(y, this.#innerOutput.toOnnx(onnx.multiply(activateInOnnx(a, hidden_activation), b)));
  }
}
