/**
 * The image tower of SigLIP (Zhai et al., 2023), as Hugging Face's `SiglipVisionModel`: a ViT without a class token, whose
 * vector of an image is attention to all patches by a learned query (Lee et al., 2019), and two layers after it.
 */
import { VIT_STYLE } from "../../nn/transformer.ts";
import { count } from "./fields.ts";
import { AttentionPooling } from "./image_heads.ts";
import { readTower, renamesOfLayers, towerFields } from "./tower.ts";
import { IMAGE_FIELDS, visionEncoder } from "./vision_transformer.ts";

export const siglipVision = visionEncoder({
  model_type: "siglip_vision_model",
  title: "an image tower of SigLIP",
  /** Defaults are those of ViT-B/16. */
  fields: {
    ...towerFields("gelu_pytorch_tanh", 1e-6),
    patch_size: count(16),
    ...IMAGE_FIELDS,
  },
  tokens: [],
  representation: "attention to all patches by a learned query",
  read: readTower,
  parts: () => ({
    patches: { flat: true },
    layers: VIT_STYLE,
    head: (path, config) => new AttentionPooling(path, config),
  }),
  joint: { model_type: "siglip", section: "vision_config" },
  prefix: "siglip.",
  ignored: /^(text_model|classifier)\.|^logit_(scale|bias)$|\.position_ids$/,
  renames: [
    ["vision_model.embeddings.position_embedding.weight", "embeddings.position_embeddings"],
    ["vision_model.embeddings.patch_embedding", "embeddings.patch_embeddings.projection"],
    ...renamesOfLayers("vision_model"),
    ["vision_model.post_layernorm", "layernorm"],
    ["vision_model.head.mlp.fc1", "head.intermediate.dense"],
    ["vision_model.head.mlp.fc2", "head.output.dense"],
    ["vision_model.head", "head"],
  ],
  exported: { architecture: "SiglipVisionModel", pooling: "pooler" },
});
