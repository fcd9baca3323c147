/**
 * BEiT (Bao et al., 2022), as Hugging Face's `BeitModel`: a ViT that adds to scores how far apart patches lie, with layer scale
 * and stochastic depth, and keys without a bias. Most have no positions beside these, and an image is the mean of its patches.
 */
import { bothBiases, GridPositions } from "../../nn/grid_positions.ts";
import type { ModulePath } from "../../nn/parameters.ts";
import { type Attention, SelfAttention } from "../../nn/self_attention.ts";
import { VIT_STYLE } from "../../nn/transformer.ts";
import { type ConfigOf, count, flag, optional, positive, probability, transformerFields } from "./fields.ts";
import { MeanOfPatches, PooledTokens } from "./image_heads.ts";
import { fitDistances } from "./positions.ts";
import { IMAGE_FIELDS, visionEncoder } from "./vision_transformer.ts";

/** Defaults are those of Hugging Face's class, of the size of BEiT-base/16. */
const FIELDS = {
  ...transformerFields(0),
  patch_size: count(16),
  use_absolute_position_embeddings: optional(flag(false)),
  /** Each layer learns a bias by how far apart patches lie; all layers share one. */
  use_relative_position_bias: optional(flag(false)),
  use_shared_relative_position_bias: optional(flag(false)),
  /** What layer scale begins as; none for 0. */
  layer_scale_init_value: optional({ ...positive(0.1), above: -1, minimum: 0 }),
  drop_path_rate: optional(probability(0.1)),
  /** An image is the mean of its patches, normalised; else its first token. */
  use_mean_pooling: optional(flag(true)),
  ...IMAGE_FIELDS,
};

type Config = ConfigOf<typeof FIELDS>;

/** Attention with biases by place, given the path of all layers. */
function attention(config: Config): (layers: ModulePath) => (path: ModulePath) => Attention {
  const { num_attention_heads: heads, image_size, patch_size } = config;
  const biasAt = (path: ModulePath, isUsed: boolean) =>
    isUsed ? new GridPositions(path.at("relative_position_bias"), image_size / patch_size, heads) : undefined;
  return (layers) => {
    const shared = biasAt(layers, config.use_shared_relative_position_bias);
    return (path) => {
      const own = biasAt(path, config.use_relative_position_bias);
      const scoreBias = own && shared ? bothBiases(own, shared) : own ?? shared;
      return new SelfAttention(path, config, { bias: ["query", "value"], ...(scoreBias && { scoreBias }) });
    };
  };
}

export const beit = visionEncoder({
  model_type: "beit",
  title: "a BEiT",
  fields: FIELDS,
  tokens: ["cls_token"],
  representation: "mean of the last hidden states of patches, or that of the first token, normalised",
  read: (config) => config,
  parts: (config) => ({
    patches: { positions: config.use_absolute_position_embeddings },
    layers: {
      ...VIT_STYLE,
      ...(config.layer_scale_init_value > 0 && {
        layerScale: { names: ["lambda_1", "lambda_2"] as const, initial: config.layer_scale_init_value },
      }),
      dropPath: (index) => config.drop_path_rate * index / Math.max(config.num_hidden_layers - 1, 1),
    },
    attention: attention(config),
    head: (path, own) =>
      config.use_mean_pooling ? new MeanOfPatches(path, own) : new PooledTokens(path, own, "first"),
  }),
  prefix: "beit.",
  ignored:
    /^(lm_head|classifier|decode_head|auxiliary_head|fpn\d|layernorm)\.|^embeddings\.mask_token$|_index$/,
  advice: { pooler: 'it predicts patches and has no pooler: set "use_mean_pooling" to false' },
  fit: fitDistances,
  exported: { architecture: "BeitModel", pooling: "pooler" },
});
