/** Transformers of images, which differ in how they make tokens of an image, in their layers, and in what they end with. */
import { UserError } from "../../base/user_error.ts";
import type { Gpu } from "../../gpu/gpu.ts";
import type { Context } from "../../nn/context.ts";
import { LayerNorm } from "../../nn/layer_norm.ts";
import type { ModulePath } from "../../nn/parameters.ts";
import { type Attention, SelfAttention } from "../../nn/self_attention.ts";
import { TransformerEncoder, type TransformerStyle, VIT_STYLE } from "../../nn/transformer.ts";
import type { Value } from "../../onnx/graph.ts";
import * as onnx from "../../onnx/operators.ts";
import { cast } from "../../ops/cast.ts";
import { reshape, slice } from "../../ops/shape.ts";
import type { ImageNormalisation } from "../../ops/image.ts";
import { scope } from "../../tensor/scope.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { type CheckpointFormat, defineEncoder, type Encoder, type EncoderRow } from "./encoder.ts";
import {
  choice,
  type ConfigOf,
  count,
  derived,
  type Fields,
  flag,
  optional,
  transformerFields,
} from "./fields.ts";
import { type ImageHead, PooledTokens } from "./image_heads.ts";
import { type DeviceInputs, type GraphInputs, type HostInputs, inputOf, uploadImage } from "./inputs.ts";
import { PatchEmbeddings, type PatchStyle, type VisionConfig } from "./patch_embeddings.ts";
import { POOLER_ADVICE, poolingField } from "./pooling.ts";
import { fitPositions } from "./positions.ts";

const INPUTS = { image: "image" } as const;

/** The fields of all transformers of images. */
export const IMAGE_FIELDS = {
  image_size: derived(count(224)),
  /** Images are red, green and blue. */
  num_channels: derived(choice([3], 3)),
};

/** Defaults are those of ViT-base/16. */
export const VIT_FIELDS = {
  ...transformerFields(0),
  patch_size: count(16),
  /** Whether query, key and value have a bias. */
  qkv_bias: optional(flag(true)),
  ...IMAGE_FIELDS,
  pooling: poolingField(),
};

/** The parts of a transformer of images. */
export interface VisionParts {
  readonly patches?: PatchStyle;
  readonly layers: TransformerStyle;
  /** Whether query, key and value have a bias; true if not given. */
  readonly qkvBias?: boolean;
  /** Given the path of all layers, makes the attention of a layer below its own; `SelfAttention` if not given. */
  attention?(layers: ModulePath): (path: ModulePath) => Attention;
  /** True where tokens are normalised before the first layer too. */
  readonly normalisesPatches?: boolean;
  head(path: ModulePath, config: VisionConfig): ImageHead;
}

/**
 * A transformer of images, by the names of the parameters of Hugging Face's ViT.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { EVALUATION, Gpu, Parameters } from "unis/engine";
 * import { vit } from "unis/models";
 *
 * const gpu = await Gpu.open();
 * const half = [0.5, 0.5, 0.5] as const;
 * const image = { kind: "image", name: "image", height: 8, width: 8, mean: half, std: half } as const;
 * const small = { hidden_size: 8, num_hidden_layers: 1, num_attention_heads: 2, intermediate_size: 8, patch_size: 4 };
 * const parameters = new Parameters();
 * const encoder = vit.build(parameters.root, vit.configure({ ...small, ...vit.fromData({ image }) }), { image });
 * parameters.allocate(gpu, 0);
 * const two = { image: { kind: "image", pixels: new Uint8Array(2 * 8 * 8 * 3), height: 8, width: 8 } } as const;
 * assert.deepEqual(encoder.represent(encoder.upload(gpu, two), EVALUATION).shape, [2, 8]);
 * gpu.destroy();
 * ```
 */
export class VisionTransformer implements Encoder {
  readonly inputs = INPUTS;
  readonly config: VisionConfig;
  readonly #embeddings: PatchEmbeddings;
  readonly #embeddingsNorm: LayerNorm | undefined;
  readonly #layers: TransformerEncoder;
  readonly #head: ImageHead;

  /** `tokens`: the names of the learned tokens that stand before those of the patches. */
  constructor(
    path: ModulePath,
    config: VisionConfig,
    tokens: readonly string[],
    parts: VisionParts,
    normalisation: ImageNormalisation,
  ) {
    const { patches = {}, normalisesPatches = false, qkvBias: bias = true } = parts;
    const [embeddings, layers] = [path.at("embeddings"), path.at("encoder")];
    const attention = parts.attention?.(layers) ??
      ((path: ModulePath) => new SelfAttention(path, config, { bias }));
    this.config = config;
    this.#embeddings = new PatchEmbeddings(embeddings, config, tokens, patches, normalisation);
    this.#embeddingsNorm = normalisesPatches
      ? new LayerNorm(embeddings.at("layernorm"), config.hidden_size, config.layer_norm_eps)
      : undefined;
    this.#layers = new TransformerEncoder(layers, config, parts.layers, attention);
    this.#head = parts.head(path, config);
  }

  get hiddenSize(): number {
    return this.#head.width;
  }

  upload(gpu: Gpu, inputs: HostInputs): DeviceInputs {
    return { image: uploadImage(gpu, inputOf(inputs, "image", "image")) };
  }

  /** Gives what the head makes of all tokens, [batch, hiddenSize]. */
  represent(inputs: DeviceInputs, context: Context): Tensor {
    return scope(() =>
      cast(this.#head.represent(this.#layers, this.#embed(inputs, context), context), "f32")
    );
  }

  /** Gives the embeddings and the output of each layer, as the layers give them: [batch, tokens, hidden] each. */
  hiddenStates(inputs: DeviceInputs, context: Context): Tensor[] {
    return scope(() => this.#layers.hiddenStates(this.#embed(inputs, context), undefined, context));
  }

  /** Gives the last hidden state of every token, normalised where the model does so: [batch, tokens, hidden]. */
  lastHiddenState(inputs: DeviceInputs, context: Context): Tensor {
    return scope(() =>
      this.#head.finish(this.#layers.last(this.#embed(inputs, context), undefined, context))
    );
  }

  /** Gives the last hidden states of the patches, [batch, rows, columns, hidden]. */
  featureMap(inputs: DeviceInputs, context: Context): Tensor {
    const [rows, columns] = this.patches;
    return scope(() => {
      const states = this.lastHiddenState(inputs, context);
      const [batch, tokens, width] = states.shape as [number, number, number];
      return reshape(slice(states, 1, tokens - rows * columns), [batch, rows, columns, width]);
    });
  }

  get patches(): readonly [rows: number, columns: number] {
    const side = this.config.image_size / this.config.patch_size;
    return [side, side];
  }

  get channels(): number {
    return this.config.hidden_size;
  }

  #embed(inputs: DeviceInputs, context: Context): Tensor {
    return scope(() => {
      const tokens = this.#embeddings.forward(inputOf(inputs, "image", "image").pixels, context);
      return this.#embeddingsNorm ? this.#embeddingsNorm.forward(tokens) : tokens;
    });
  }

  toOnnx(inputs: GraphInputs): Value {
    const tokens = this.#embeddings.toOnnx(inputOf(inputs, "image", "image").pixels);
    const x = this.#embeddingsNorm ? this.#embeddingsNorm.toOnnx(tokens) : tokens;
    return onnx.cast(this.#head.toOnnx(this.#layers, x), "float32");
  }
}

type Said<F extends Fields> =
  & Pick<EncoderRow<F>, "model_type" | "title" | "fields" | "exported" | "representation">
  & CheckpointFormat
  & {
    /** The names of the learned tokens that stand before those of the patches. */
    readonly tokens: readonly string[];
    /** The fields that the layers are built by, where some have other names. */
    read(config: ConfigOf<NoInfer<F>>): VisionConfig;
    parts(config: ConfigOf<NoInfer<F>>): VisionParts;
  };

/** Describes a kind of transformer of images; it reads square ones. */
export function visionEncoder<F extends Fields & typeof IMAGE_FIELDS>(
  { tokens, prefix, ignored, renames = [], advice = {}, joint, fit, read, parts, ...said }: Said<F>,
) {
  const fitTokens = fitPositions(tokens.length);
  return defineEncoder({
    ...said,
    inputs: INPUTS,
    multiples: [["hidden_size", "num_attention_heads"], ["image_size", "patch_size"]],
    fromData({ image: { name, height, width } }) {
      if (height === width) return { image_size: height } as Partial<ConfigOf<F>>;
      throw new UserError(
        `Cannot read "${name}" by ${said.title}: it takes square images, not ${height}x${width}`,
      );
    },
    build: (path, config, { image: { mean, std } }) =>
      new VisionTransformer(path, read(config), tokens, parts(config), { mean, std }),
    checkpoint: {
      prefix,
      ignored,
      renames,
      advice,
      fit: (...shapes) => fitTokens(...shapes) ?? fit?.(...shapes),
      ...(joint && { joint }),
    },
  });
}

/** What ViT and DeiT share: fields, layers, and representations that are pooled. */
export const LIKE_VIT = {
  fields: VIT_FIELDS,
  representation: "last hidden state, normalised",
  advice: POOLER_ADVICE,
  read: (config: ConfigOf<typeof VIT_FIELDS>) => config,
  parts: ({ qkv_bias, pooling }: ConfigOf<typeof VIT_FIELDS>): VisionParts => ({
    layers: VIT_STYLE,
    qkvBias: qkv_bias,
    head: (path, config) => new PooledTokens(path, config, pooling),
  }),
};
