/**
 * DINOv2 with registers (Darcet et al., 2024), as Hugging Face's `Dinov2WithRegistersModel`: learned tokens without a
 * position stand between the first token and the patches, and take part in attention alone.
 */
import { LIKE_DINOV2 } from "./dinov2.ts";
import { count, optional } from "./fields.ts";
import { visionEncoder } from "./vision_transformer.ts";

export const dinov2WithRegisters = visionEncoder({
  model_type: "dinov2_with_registers",
  title: "a DINOv2 with registers",
  ...LIKE_DINOV2,
  fields: { ...LIKE_DINOV2.fields, num_register_tokens: optional(count(4)) },
  parts: (config) =>
    LIKE_DINOV2.parts(config, {
      registers: { name: "register_tokens", count: config.num_register_tokens },
    }),
  prefix: "dinov2_with_registers.",
  exported: { architecture: "Dinov2WithRegistersModel" },
});
