/**
 * The image tower of CLIP (Radford et al., 2021), as Hugging Face's `CLIPVisionModel`: a ViT that normalises tokens before its
 * layers too. An image is its first token, normalised, or the projection of it that is compared with texts.
 */
import { VIT_STYLE } from "../../nn/transformer.ts";
import { count } from "./fields.ts";
import { ProjectedToken } from "./image_heads.ts";
import { PROJECTION_FIELDS, readTower, renamesOfLayers, towerFields } from "./tower.ts";
import { IMAGE_FIELDS, visionEncoder } from "./vision_transformer.ts";

export const clipVision = visionEncoder({
  model_type: "clip_vision_model",
  title: "an image tower of CLIP",
  /** Defaults are those of ViT-B/32. */
  fields: {
    ...towerFields("quick_gelu", 1e-5),
    patch_size: count(32),
    ...IMAGE_FIELDS,
    ...PROJECTION_FIELDS,
  },
  tokens: ["cls_token"],
  representation: "last hidden state of the first token, normalised",
  read: readTower,
  parts: ({ pooling, projection_dim }) => ({
    patches: { bias: false, flat: true },
    layers: VIT_STYLE,
    normalisesPatches: true,
    head: (path, config) =>
      new ProjectedToken(path, config, pooling === "projection" ? projection_dim : undefined),
  }),
  joint: { model_type: "clip", section: "vision_config", shared: ["projection_dim"] },
  prefix: "clip.",
  ignored: /^(text_model|text_projection|visual_projection|classifier)\.|^logit_scale$|\.position_ids$/,
  renames: [
    ["vision_model.embeddings.class_embedding", "embeddings.cls_token"],
    ["vision_model.embeddings.position_embedding.weight", "embeddings.position_embeddings"],
    ["vision_model.embeddings.patch_embedding", "embeddings.patch_embeddings.projection"],
    ["vision_model.pre_layrnorm", "embeddings.layernorm"],
    ...renamesOfLayers("vision_model"),
    ["vision_model.post_layernorm", "layernorm"],
    ["visual_projection", "projection"],
  ],
  exported: {
    architecture: "CLIPVisionModel",
    projecting: "CLIPVisionModelWithProjection",
    pooling: "pooler",
  },
});
