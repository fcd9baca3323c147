/** The vision transformer (Dosovitskiy et al., 2021), as Hugging Face's `ViTModel` without pooler. */
import type { Gpu } from "../../gpu/gpu.ts";
import { UserError } from "../../base/user_error.ts";
import { type Context, drop } from "../../nn/context.ts";
import { normal, zeros } from "../../nn/initializers.ts";
import { LayerNorm } from "../../nn/layer_norm.ts";
import type { Parameter } from "../../nn/parameter.ts";
import type { ModulePath } from "../../nn/parameters.ts";
import {
  denseInitializer,
  type TransformerConfig,
  TransformerEncoder,
  VIT_STYLE,
} from "../../nn/transformer.ts";
import { type ImageNormalisation, patchify } from "../../ops/image.ts";
import { cast } from "../../ops/cast.ts";
import { linear } from "../../ops/matmul.ts";
import { add, expand } from "../../ops/arithmetic.ts";
import { concat } from "../../ops/shape.ts";
import { scope } from "../../tensor/scope.ts";
import { showShape } from "../../tensor/shape.ts";
import { Tensor } from "../../tensor/tensor.ts";
import { checkHeads, readConfig } from "./fields.ts";
import { type Encoder, type HostInput, type ModalityInput, mustBeKind, unshared } from "./encoder.ts";

export type VitConfig = TransformerConfig & {
  readonly model_type: "vit";
  readonly image_size: number;
  readonly patch_size: number;
  readonly num_channels: number;
  readonly qkv_bias: boolean;
};

/** ViT-base/16. */
const VIT_DEFAULTS: Omit<VitConfig, "model_type"> = {
  hidden_size: 768,
  num_hidden_layers: 12,
  num_attention_heads: 12,
  intermediate_size: 3072,
  hidden_act: "gelu",
  hidden_dropout_prob: 0,
  attention_probs_dropout_prob: 0,
  layer_norm_eps: 1e-12,
  initializer_range: 0.02,
  dense_initializer: "normal",
  image_size: 224,
  patch_size: 16,
  num_channels: 3,
  qkv_bias: true,
};

/** A configuration from fields of `config.json`, ViT-base/16 where they are missing. Throws a UserError naming a bad one. */
export function vitConfig(given: object = {}): VitConfig {
  const config = readConfig("a ViT", VIT_DEFAULTS, given);
  const { image_size, patch_size, num_channels } = config;
  checkHeads("a ViT", config);
  if (image_size % patch_size !== 0) {
    throw new UserError(
      `Cannot cut image_size = ${image_size} into patches of patch_size = ${patch_size}: it must be a multiple`,
    );
  }
  if (num_channels !== 3) {
    throw new UserError(
      `Cannot use num_channels = ${num_channels} for a ViT: images are red, green and blue`,
    );
  }
  return { ...config, model_type: "vit" };
}

export class Vit implements Encoder {
  readonly config: VitConfig;
  readonly normalisation: ImageNormalisation;
  readonly #classToken: Parameter; // [1, 1, hidden]
  readonly #positions: Parameter; // [1, 1 + patches, hidden]
  readonly #projection: Parameter; // [hidden, channels, patch, patch]
  readonly #projectionBias: Parameter;
  readonly #encoder: TransformerEncoder;
  readonly #norm: LayerNorm;

  constructor(at: ModulePath, config: VitConfig, normalisation: ImageNormalisation) {
    const { hidden_size: width, patch_size: patch, image_size, num_channels } = config;
    this.config = config;
    this.normalisation = normalisation;
    const initializer = normal(config.initializer_range);
    const embeddings = at.at("embeddings");
    const projection = embeddings.at("patch_embeddings.projection");
    this.#classToken = embeddings.parameter("cls_token", [1, 1, width], initializer);
    this.#positions = embeddings.parameter(
      "position_embeddings",
      [1, 1 + (image_size / patch) ** 2, width],
      initializer,
    );
    this.#projection = projection.parameter(
      "weight",
      [width, num_channels, patch, patch],
      denseInitializer(config),
      { isOperand: true },
    );
    this.#projectionBias = projection.parameter("bias", [width], zeros);
    this.#encoder = new TransformerEncoder(at.at("encoder"), config, VIT_STYLE, config.qkv_bias);
    this.#norm = new LayerNorm(at.at("layernorm"), width, config.layer_norm_eps);
  }

  get hiddenSize(): number {
    return this.config.hidden_size;
  }

  upload(gpu: Gpu, input: HostInput): ModalityInput {
    mustBeKind("image", input);
    const { pixels, height, width } = input;
    const shape = [pixels.length / (height * width * 3), height, width, 3];
    return { kind: "image", pixels: Tensor.from(gpu, unshared(pixels), shape) };
  }

  /** The last hidden state of the class token, normalised. */
  represent(input: ModalityInput, context: Context): Tensor {
    return scope(() => {
      const first = this.#encoder.first(this.#embed(input, context), undefined, context);
      return cast(this.#norm.forward(first), "f32");
    });
  }

  /** Embeddings and what each layer makes of them, before the final norm: [batch, 1 + patches, hidden] each. */
  hiddenStates(input: ModalityInput, context: Context): Tensor[] {
    return scope(() => this.#encoder.hiddenStates(this.#embed(input, context), undefined, context));
  }

  /** What the last layer makes of every token, normalised: [batch, 1 + patches, hidden]. */
  lastHiddenState(input: ModalityInput, context: Context): Tensor {
    return scope(() => this.#norm.forward(this.hiddenStates(input, context).at(-1)!));
  }

  #embed(input: ModalityInput, context: Context): Tensor {
    const { precision = "f32" } = context;
    mustBeKind("image", input);
    const { hidden_size: width, image_size: side, patch_size: patch, hidden_dropout_prob } = this.config;
    const { pixels } = input;
    const [batch, height, breadth] = pixels.shape;
    if (height !== side || breadth !== side) {
      throw new TypeError(`Cannot encode images of ${showShape(pixels.shape)}: they are ${side} x ${side}`);
    }
    return scope(() => {
      const rows = patchify(pixels, patch, this.normalisation, precision);
      const projection = precision === "f16" ? this.#projection.half : this.#projection.value;
      const patches = linear(rows, projection, this.#projectionBias.value);
      const classToken = expand(this.#classToken.value, [batch!, 1, width], precision);
      const tokens = add(concat([classToken, patches], 1), this.#positions.value);
      return drop(tokens, hidden_dropout_prob, context);
    });
  }
}
