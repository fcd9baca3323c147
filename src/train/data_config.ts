/** The configuration of data sets. */
import * as z from "zod";
import { count, rate, share, whole } from "./config_values.ts";

export const dataSchema = z.strictObject({
  name: z.enum(["emoji"]),
  labels: z.enum(["group", "subgroup"]),
  image_size: count,
  /** Bytes become (byte / 255 - mean) / std, by channel. */
  image_mean: z.tuple([z.number(), z.number(), z.number()]).default([0.5, 0.5, 0.5]),
  image_std: z.tuple([rate, rate, rate]).default([0.5, 0.5, 0.5]),
  max_tokens: whole.min(3),
  /** How strongly training samples are varied; see `Augmentation`. */
  flip: share,
  shift: share,
  scale: z.number().min(0),
  brightness: share,
  contrast: share,
  saturation: share,
  word_dropout: share.lt(1),
});
