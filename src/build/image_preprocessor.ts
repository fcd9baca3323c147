/** How the images of a pretrained encoder are made ready: as a file beside it says, or as its kind has it by custom. */
import { join } from "node:path";
import * as z from "zod";
import { parsePreprocessor, type Preprocessor } from "../data/images/preprocessor.ts";
import { UserError } from "../base/user_error.ts";
import { exists, readJson } from "../io/files.ts";
import type { EncoderType } from "../models/encoders/encoder.ts";

export const PREPROCESSOR = "preprocessor_config.json";

/** What timm's config.json says of images. */
const timmSchema = z.object({
  pretrained_cfg: z.object({
    input_size: z.tuple([z.literal(3), z.int().positive(), z.int().positive()]),
    interpolation: z.enum(["bilinear", "bicubic"]),
    crop_pct: z.number().positive().max(1),
    mean: z.tuple([z.number(), z.number(), z.number()]),
    std: z.tuple([z.number(), z.number(), z.number()]),
  }),
});

/**
 * The content of `preprocessor_config.json` for an encoder in a folder: that of the file; what timm's config.json says; or what
 * checkpoints of its kind go by that come without either. Throws a UserError where there is none of these.
 */
export function preprocessorContent(folder: string, { checkpoint, title }: EncoderType): unknown {
  const path = join(folder, PREPROCESSOR);
  if (exists(path)) return readJson(path);
  if (checkpoint?.preprocessor === undefined) {
    throw new UserError(
      `${folder} has no ${PREPROCESSOR}, which says how images are sized and normalised for ${title}: ` +
        "put the file there that belongs to the weights",
    );
  }
  const config = join(folder, "config.json");
  const timm = timmSchema.safeParse(exists(config) ? readJson(config) : {});
  if (!timm.success) return checkpoint.preprocessor;
  const { input_size: [, height, width], interpolation, crop_pct, mean, std } = timm.data.pretrained_cfg;
  return {
    ...checkpoint.preprocessor,
    size: { shortest_edge: Math.floor(Math.min(height, width) / crop_pct) },
    resample: interpolation === "bicubic" ? 3 : 2,
    crop_size: { height, width },
    image_mean: mean,
    image_std: std,
  };
}

/** The same, read. */
export function preprocessorOf(folder: string, type: EncoderType): Preprocessor {
  return parsePreprocessor(preprocessorContent(folder, type), join(folder, PREPROCESSOR));
}
