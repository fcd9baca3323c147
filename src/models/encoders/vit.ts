/** The vision transformer (Dosovitskiy et al., 2021), as Hugging Face's `ViTModel` without pooler. */
import { LIKE_VIT, visionEncoder } from "./vision_transformer.ts";

export const vit = visionEncoder({
  model_type: "vit",
  title: "a ViT",
  ...LIKE_VIT,
  tokens: ["cls_token"],
  prefix: "vit.",
  ignored: /^(pooler|classifier|decoder)\.|^embeddings\.mask_token$/,
  exported: { architecture: "ViTModel" },
});
