/** The transformer over patches of an image that ViT and its kin share: they differ in the tokens before the patches. */
import type { Gpu } from "../../gpu/gpu.ts";
import { UserError } from "../../base/user_error.ts";
import { type Context, drop } from "../../nn/context.ts";
import { normal, zeros } from "../../nn/initializers.ts";
import { LayerNorm } from "../../nn/layer_norm.ts";
import type { Parameter } from "../../nn/parameter.ts";
import type { ModulePath } from "../../nn/parameters.ts";
import { TransformerEncoder, VIT_STYLE } from "../../nn/transformer.ts";
import { denseInitializer } from "../../nn/transformer_config.ts";
import type { Value } from "../../onnx/graph.ts";
import * as onnx from "../../onnx/operators.ts";
import { cast } from "../../ops/cast.ts";
import { type ImageNormalisation, patchify } from "../../ops/image.ts";
import { linear } from "../../ops/matmul.ts";
import { add, expand } from "../../ops/arithmetic.ts";
import { concat } from "../../ops/shape.ts";
import { scope } from "../../tensor/scope.ts";
import { showShape } from "../../tensor/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { defineEncoder, type Encoder, type EncoderRow } from "./encoder.ts";
import { choice, type ConfigOf, count, derived, flag, optional, transformerFields } from "./fields.ts";
import { type DeviceInputs, type GraphInputs, type HostInputs, inputOf, uploadImage } from "./inputs.ts";
import { fitPositions } from "./positions.ts";

const INPUTS = { image: "image" } as const;

/** Defaults are those of ViT-base/16. */
const FIELDS = {
  ...transformerFields(0),
  patch_size: count(16),
  /** Whether query, key and value have a bias. */
  qkv_bias: optional(flag(true)),
  image_size: derived(count(224)),
  /** Images are red, green and blue. */
  num_channels: derived(choice([3], 3)),
};

export type VisionConfig = ConfigOf<typeof FIELDS>;

/** The tokens that are learned and stand before those of the patches; the first one represents the image. */
type Tokens = readonly [first: string, ...others: string[]];

/**
 * A vision transformer without pooler, by the names of Hugging Face's parameters.
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
  readonly #normalisation: ImageNormalisation;
  readonly #tokens: readonly Parameter[]; // [1, 1, hidden] each
  readonly #positions: Parameter; // [1, tokens + patches, hidden]
  readonly #projection: Parameter; // [hidden, channels, patch, patch]
  readonly #projectionBias: Parameter;
  readonly #encoder: TransformerEncoder;
  readonly #norm: LayerNorm;

  constructor(path: ModulePath, config: VisionConfig, tokens: Tokens, normalisation: ImageNormalisation) {
    const { hidden_size: width, patch_size: patch, image_size, num_channels } = config;
    this.config = config;
    this.#normalisation = normalisation;
    const initializer = normal(config.initializer_range);
    const embeddings = path.at("embeddings");
    const projection = embeddings.at("patch_embeddings.projection");
    this.#tokens = tokens.map((name) => embeddings.parameter(name, [1, 1, width], initializer));
    this.#positions = embeddings.parameter(
      "position_embeddings",
      [1, tokens.length + (image_size / patch) ** 2, width],
      initializer,
    );
    this.#projection = projection.parameter(
      "weight",
      [width, num_channels, patch, patch],
      denseInitializer(config),
      { isOperand: true },
    );
    this.#projectionBias = projection.parameter("bias", [width], zeros);
    this.#encoder = new TransformerEncoder(path.at("encoder"), config, VIT_STYLE, config.qkv_bias);
    this.#norm = new LayerNorm(path.at("layernorm"), width, config.layer_norm_eps);
  }

  get hiddenSize(): number {
    return this.config.hidden_size;
  }

  upload(gpu: Gpu, inputs: HostInputs): DeviceInputs {
    return { image: uploadImage(gpu, inputOf(inputs, "image", "image")) };
  }

  /** Gives the last hidden state of the first token, normalised. */
  represent(inputs: DeviceInputs, context: Context): Tensor {
    return scope(() => {
      const first = this.#encoder.first(this.#embed(inputs, context), undefined, context);
      return cast(this.#norm.forward(first), "f32");
    });
  }

  /** Gives the embeddings and the output of each layer, before the final norm: [batch, tokens + patches, hidden] each. */
  hiddenStates(inputs: DeviceInputs, context: Context): Tensor[] {
    return scope(() => this.#encoder.hiddenStates(this.#embed(inputs, context), undefined, context));
  }

  /** Gives the output of the last layer for every token, normalised: [batch, tokens + patches, hidden]. */
  lastHiddenState(inputs: DeviceInputs, context: Context): Tensor {
    return scope(() => this.#norm.forward(this.hiddenStates(inputs, context).at(-1)!));
  }

  #embed(inputs: DeviceInputs, context: Context): Tensor {
    const { precision = "f32" } = context;
    const { pixels } = inputOf(inputs, "image", "image");
    const { hidden_size: width, image_size: side, patch_size: patch, hidden_dropout_prob } = this.config;
    const [batch, ...size] = pixels.shape as [number, number, number, number];
    if (size[0] !== side || size[1] !== side) {
      throw new TypeError(`Cannot encode images of ${showShape(pixels.shape)}: they are ${side} x ${side}`);
    }
    return scope(() => {
      const rows = patchify(pixels, patch, this.#normalisation, precision);
      const projection = precision === "f16" ? this.#projection.half : this.#projection.value;
      const patches = linear(rows, projection, this.#projectionBias.value);
      const learned = this.#tokens.map(({ value }) => expand(value, [batch, 1, width], precision));
      const tokens = add(concat([...learned, patches], 1), this.#positions.value);
      return drop(tokens, hidden_dropout_prob, context);
    });
  }

  toOnnx(inputs: GraphInputs): Value {
    const { pixels } = inputOf(inputs, "image", "image");
    const { hidden_size: width, patch_size } = this.config;
    const { graph } = pixels;
    const weight = (parameter: Parameter) => graph.weight(parameter, graph.precision);
    const channelsFirst = onnx.transpose(onnx.cast(pixels, graph.precision), [0, 3, 1, 2]);
    const [kernels, bias] = [this.#projection, this.#projectionBias].map(weight);
    const grid = onnx.convolvePatches(channelsFirst, kernels!, bias!, patch_size); // [batch, hidden, rows, columns]
    const patches = onnx.transpose(onnx.reshape(grid, [0, width, -1]), [0, 2, 1]);
    const each = onnx.concat([onnx.sizeOf(pixels, 0), graph.constant([1, width], "int64")], 0);
    const learned = this.#tokens.map((token) => onnx.expand(weight(token), each));
    const tokens = onnx.add(onnx.concat([...learned, patches], 1), weight(this.#positions));
    return onnx.cast(this.#norm.toOnnx(this.#encoder.firstToOnnx(tokens)), "float32");
  }
}

type Said = Pick<EncoderRow, "model_type" | "title" | "exported"> & {
  /** The names, in checkpoints, of the learned tokens that stand before the patches. */
  readonly tokens: Tokens;
  /** See `CheckpointFormat`. */
  readonly prefix: string;
  readonly ignored: RegExp;
};

/** Describes a kind of vision transformer; it reads square images. */
export function visionEncoder({ tokens, prefix, ignored, ...said }: Said) {
  return defineEncoder({
    ...said,
    inputs: INPUTS,
    fields: FIELDS,
    multiples: [["hidden_size", "num_attention_heads"], ["image_size", "patch_size"]],
    representation: "last hidden state of the first token, normalised",
    fromData({ image: { name, height, width } }) {
      if (height === width) return { image_size: height };
      throw new UserError(
        `Cannot read "${name}" by ${said.title}: it takes square images, not ${height}x${width}`,
      );
    },
    build: (path, config, { image: { mean, std } }) =>
      new VisionTransformer(path, config, tokens, { mean, std }),
    checkpoint: { prefix, ignored, fit: fitPositions(tokens.length) },
  });
}
