/**
 * DINOv2 (Oquab et al., 2024), as Hugging Face's `Dinov2Model`: a ViT with layer scale and, in its largest size, gated inner
 * layers. Its checkpoints are for images of 518 x 518; positions are interpolated to the size of the data, as its code does.
 */
import { GatedLayers } from "../../nn/inner_layers.ts";
import { type TransformerStyle, VIT_STYLE } from "../../nn/transformer.ts";
import type { Renames } from "./encoder.ts";
import { type ConfigOf, count, flag, optional, positive, probability, transformerFields } from "./fields.ts";
import { PooledTokens } from "./image_heads.ts";
import { poolingField } from "./pooling.ts";
import { IMAGE_FIELDS, visionEncoder, type VisionParts } from "./vision_transformer.ts";
import type { PatchStyle, VisionConfig } from "./patch_embeddings.ts";

const { intermediate_size: _, ...fields } = transformerFields(0);

/** Defaults are those of DINOv2-base/14. */
const FIELDS = {
  ...fields,
  layer_norm_eps: positive(1e-6),
  patch_size: count(14),
  /** The width of the inner layers, in widths of tokens. */
  mlp_ratio: positive(4),
  use_swiglu_ffn: optional(flag(false)),
  qkv_bias: optional(flag(true)),
  layerscale_value: optional(positive(1)),
  drop_path_rate: optional(probability(0)),
  ...IMAGE_FIELDS,
  pooling: poolingField(false),
};

type Config = ConfigOf<typeof FIELDS>;

/** What DINOv2 calls the parts of a layer. */
const RENAMES: Renames = [
  ["encoder.layer.*.norm1", "encoder.layer.*.layernorm_before"],
  ["encoder.layer.*.norm2", "encoder.layer.*.layernorm_after"],
  ["encoder.layer.*.mlp.fc1", "encoder.layer.*.intermediate.dense"],
  ["encoder.layer.*.mlp.fc2", "encoder.layer.*.output.dense"],
];

/** Gated inner layers are a third narrower, since they have a third matrix, and their width is a multiple of eight. */
function innerWidth({ hidden_size, mlp_ratio, use_swiglu_ffn }: Config): number {
  const width = Math.floor(hidden_size * mlp_ratio);
  return use_swiglu_ffn ? 8 * Math.ceil(Math.floor(width * 2 / 3) / 8) : width;
}

function style({ layerscale_value, drop_path_rate, use_swiglu_ffn }: Config): TransformerStyle {
  return {
    ...VIT_STYLE,
    layerScale: { names: ["layer_scale1.lambda1", "layer_scale2.lambda1"], initial: layerscale_value },
    dropPath: () => drop_path_rate,
    ...(use_swiglu_ffn && {
      inner: (path, { hidden_size: width, intermediate_size: inner }, options) =>
        new GatedLayers(
          path,
          ["mlp.weights_in", "mlp.weights_out"],
          { width, inner, activation: "silu" },
          options,
        ),
    }),
  };
}

/** What DINOv2 is with registers and without. */
export const LIKE_DINOV2 = {
  fields: FIELDS,
  tokens: ["cls_token"],
  ignored: /^classifier\.|^embeddings\.mask_token$/,
  renames: RENAMES,
  representation: "last hidden state, normalised",
  read: (config: Config): VisionConfig => ({ ...config, intermediate_size: innerWidth(config) }),
  parts: (config: Config, patches: PatchStyle = {}): VisionParts => ({
    patches,
    layers: style(config),
    qkvBias: config.qkv_bias,
    head: (path, own) => new PooledTokens(path, own, config.pooling),
  }),
};

export const dinov2 = visionEncoder({
  model_type: "dinov2",
  title: "a DINOv2",
  ...LIKE_DINOV2,
  parts: (config) => LIKE_DINOV2.parts(config),
  prefix: "dinov2.",
  exported: { architecture: "Dinov2Model" },
});
