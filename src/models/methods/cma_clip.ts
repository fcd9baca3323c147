/**
 * CMA-CLIP (Liu et al., "CMA-CLIP: Cross-Modality Attention CLIP for Image-Text Classification", 2021), as far as its abstract
 * and reviews tell: tokens of both encoders attend to each other in layers of a transformer (sequence-wise attention),
 *
 *   h_I, h_T = means over the tokens of the image and of the text after these layers,
 *   w = softmax(v · h_I, v · h_T),   h = w_I h_I + w_T h_T      (modality-wise attention),
 *
 * and one classifier reads h.
 */
import { UserError } from "../../base/user_error.ts";
import type { Gpu } from "../../gpu/gpu.ts";
import type { Context } from "../../nn/context.ts";
import { xavierNormal } from "../../nn/initializers.ts";
import { LayerNorm } from "../../nn/layer_norm.ts";
import { Linear } from "../../nn/linear.ts";
import type { Parameter } from "../../nn/parameter.ts";
import type { ModulePath } from "../../nn/parameters.ts";
import { TransformerEncoder, VIT_STYLE } from "../../nn/transformer.ts";
import { cast } from "../../ops/cast.ts";
import { full } from "../../ops/fill.ts";
import { matmul } from "../../ops/matmul.ts";
import { mean } from "../../ops/reduce.ts";
import { concat, reshape, slice } from "../../ops/shape.ts";
import { softmax } from "../../ops/softmax.ts";
import { scope } from "../../tensor/scope.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { count, type Fields, probability } from "../encoders/fields.ts";
import { type DeviceInputs, type HostInputs, inputOf } from "../encoders/inputs.ts";
import { sharesOf } from "../encoders/pooling.ts";
import type { ByModality } from "../losses/pairs.ts";
import type { ArchitectureParts } from "./architecture.ts";
import { jointArchitecture, type JointEncoding } from "./joint.ts";
import type { Method } from "./method.ts";
import { imageAndText, type NamedEncoder } from "./pair_of_encoders.ts";

const FIELDS = {
  /** Layers of the sequence-wise attention, their width, heads, and dropout. */
  layers: count(1),
  width: count(512),
  heads: count(8),
  dropout: probability(0),
} as const satisfies Fields;
type Options = { readonly [K in keyof typeof FIELDS]: number };

class CmaClip implements JointEncoding {
  readonly hiddenSize: number;
  readonly #image: NamedEncoder;
  readonly #text: NamedEncoder;
  readonly #projections: { readonly image: Linear; readonly text: Linear };
  readonly #layers: TransformerEncoder;
  readonly #norm: LayerNorm;
  readonly #query: Parameter; // v, [width, 1]

  constructor(path: ModulePath, { encoders, options }: ArchitectureParts) {
    const { layers, width, heads, dropout } = options as Options;
    const { image, text } = imageAndText(encoders);
    for (const { name, encoder } of [image, text]) {
      if (encoder.lastHiddenState !== undefined) continue;
      throw new UserError(
        `Cannot train cma-clip with the encoder "${name}": it has no hidden states of tokens`,
      );
    }
    if (width % heads !== 0) {
      throw new UserError(
        `"model.options.width" must be a multiple of "model.options.heads", got ${width} and ${heads}`,
      );
    }
    this.hiddenSize = width;
    this.#image = image;
    this.#text = text;
    const project = ({ encoder: { channels, hiddenSize } }: NamedEncoder, name: string) =>
      new Linear(path.at(`projection.${name}`), channels ?? hiddenSize, width, {
        initializer: xavierNormal,
        takesF16: true,
      });
    this.#projections = { image: project(image, "image"), text: project(text, "text") };
    const config = {
      hidden_size: width,
      num_hidden_layers: layers,
      num_attention_heads: heads,
      intermediate_size: 4 * width,
      hidden_act: "gelu",
      hidden_dropout_prob: dropout,
      attention_probs_dropout_prob: dropout,
      layer_norm_eps: 1e-5,
      initializer_range: 0.02,
      dense_initializer: "xavier_normal",
    } as const;
    this.#layers = new TransformerEncoder(path.at("encoder"), config, VIT_STYLE);
    this.#norm = new LayerNorm(path.at("layernorm"), width, config.layer_norm_eps);
    this.#query = path.parameter("modality_query", [width, 1], xavierNormal);
  }

  upload(gpu: Gpu, inputs: ByModality<HostInputs>): ByModality<DeviceInputs> {
    const { name, encoder } = this.#text;
    const text = inputOf(inputs[name]!, "text", "text");
    return {
      [this.#image.name]: this.#image.encoder.upload(gpu, inputs[this.#image.name]!),
      [name]: {
        ...encoder.upload(gpu, inputs[name]!),
        shares: { kind: "features", values: sharesOf(gpu, text.mask, text.tokens) },
      },
    };
  }

  represent(inputs: ByModality<DeviceInputs>, context: Context): Tensor {
    const [image, text] = [this.#image, this.#text];
    return scope(() => {
      const seen = this.#projections.image.forward(
        image.encoder.lastHiddenState!(inputs[image.name]!, context),
      );
      const read = this.#projections.text.forward(text.encoder.lastHiddenState!(inputs[text.name]!, context));
      const [batch, patches] = seen.shape as [number, number, number];
      const ones = full(seen.gpu, [batch, patches], 1, "u32");
      const mask = concat([ones, inputOf(inputs[text.name]!, "text", "text").mask], 1);
      const states = this.#norm.forward(this.#layers.last(concat([seen, read], 1), mask, context));
      const all = cast(states, "f32");
      const shares = inputOf(inputs[text.name]!, "shares", "features").values; // [batch, 1, tokens]
      const h = concat([
        mean(slice(all, 1, 0, patches), { axes: [1], keepDims: true }),
        matmul(shares, slice(all, 1, patches)),
      ], 1); // [batch, 2, width]
      const scores = matmul(reshape(h, [batch * 2, this.hiddenSize]), this.#query.value);
      const weights = softmax(reshape(scores, [batch, 1, 2]));
      return reshape(matmul(weights, h), [batch, this.hiddenSize]);
    });
  }
}

export const cmaClip: Method = {
  name: "cma-clip",
  description:
    "the loss of one classifier on tokens of both encoders that attend to each other, weighed by modality",
  architecture: jointArchitecture(
    "attention between the tokens of both encoders, then between what is made of each modality",
    (path, parts) => new CmaClip(path, parts),
  ),
  reads: ["image", "text"],
  projects: "model.options.width",
  unimodalHeadsAreProbes: false,
  fields: FIELDS,
};
