/** The configuration of how training samples are varied. */
import * as z from "zod";
import { MOST_MAGNITUDE } from "../data/images/rand_augment/rand_augment.ts";
import { count, rate, share, whole } from "./values.ts";

/** Two bounds, the smaller first. */
function bounds(value: z.ZodNumber, what: string) {
  const error = `two numbers ${what}, the smaller first`;
  return z.tuple([value, value], { error }).refine(([low, high]) => low <= high, error);
}

/** Keys of data sets with images and texts; see `Augmentation`. */
export const augmentation = {
  flip: share,
  shift: share,
  scale: z.number().min(0),
  brightness: share,
  contrast: share,
  saturation: share,
  /** Part of the image, of an area (as a share of the image's) and a ratio of width to height within bounds. */
  random_resized_crop: z.strictObject({
    scale: bounds(rate.max(1), "above 0 and at most 1").default([0.08, 1]),
    ratio: bounds(rate, "above 0").default([3 / 4, 4 / 3]),
  }).optional(),
  /** So many of RandAugment's operations an image, of a magnitude from 0 to 30. */
  rand_augment: z.strictObject({
    operations: count.default(2),
    magnitude: whole.min(0).max(MOST_MAGNITUDE).default(9),
  }).optional(),
  /** α of the shares by which training averages images with others of the micro-batch; 0 for none. */
  mixup: z.number().min(0).default(0),
  /** The same of images of which a part is cut out and filled by another. */
  cutmix: z.number().min(0).default(0),
  /** How often training leaves a word out. */
  word_dropout: share.lt(1),
  /** How often training reads a word as [UNK], where the vocabulary is made from the training texts. */
  unknown_words: share.lt(1).default(0.1),
};
