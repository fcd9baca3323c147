/**
 * The data-efficient image transformer (Touvron et al., 2021), as Hugging Face's `DeiTModel` without pooler: a ViT with a
 * distillation token after the class token. The class token represents the image, `last_hidden_state[:, 0]`; the
 * distillation token takes part in attention, and what it ends as is used by the heads of a distilled classifier alone.
 */
import { LIKE_VIT, visionEncoder } from "./vision_transformer.ts";

export const deit = visionEncoder({
  model_type: "deit",
  title: "a DeiT",
  ...LIKE_VIT,
  tokens: ["cls_token", "distillation_token"],
  prefix: "deit.",
  ignored: /^(pooler|classifier|cls_classifier|distillation_classifier|decoder)\.|^embeddings\.mask_token$/,
  exported: { architecture: "DeiTModel" },
});
