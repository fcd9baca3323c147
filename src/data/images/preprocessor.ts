/** Reads how a checkpoint wants its images, from `preprocessor_config.json`. */
import { join } from "node:path";
import * as z from "zod";
import { UserError } from "../../base/user_error.ts";
import { readJson } from "../../io/files.ts";
import { isJsonObject } from "../../io/strict_json.ts";
import type { ImageSpec } from "../dataset.ts";
import type { ImagePreparation } from "./prepare_image.ts";
import type { Filter } from "./pillow_resize.ts";

/** The image side of a checkpoint: sizes and normalisation for the modality, and the steps that lead there. */
export interface Preprocessor {
  /** mean and std are for (byte / 255 - mean) / std, whatever factor the file rescales by. */
  spec: Pick<ImageSpec, "height" | "width" | "mean" | "std">;
  preparation: ImagePreparation;
}

const RESAMPLING: Readonly<Record<number, Filter>> = { 2: "bilinear", 3: "bicubic" };
const sizeSchema = z.union([
  z.int().positive(),
  z.object({ height: z.int().positive(), width: z.int().positive() }),
  z.object({ shortest_edge: z.int().positive() }),
]);
const channelsSchema = z.tuple([z.number(), z.number(), z.number()]);
const fileSchema = z.object({
  do_resize: z.boolean().default(true),
  size: sizeSchema.optional(),
  resample: z.int().default(2),
  do_center_crop: z.boolean().default(false),
  crop_size: z.union([
    z.int().positive(),
    z.object({ height: z.int().positive(), width: z.int().positive() }),
  ])
    .optional(),
  /** Of ConvNeXt's and ResNet's processor: the share of the resized image, by each side, that is kept. */
  crop_pct: z.number().positive().max(1).nullish(),
  /** Of ViLT's processor: sides become multiples of it. */
  size_divisor: z.int().positive().nullish(),
  do_rescale: z.boolean().default(true),
  rescale_factor: z.number().positive().default(1 / 255),
  do_normalize: z.boolean().default(true),
  image_mean: channelsSchema.default([0.5, 0.5, 0.5]),
  image_std: channelsSchema.refine((std) => std.every((value) => value > 0), "must be above 0")
    .default([0.5, 0.5, 0.5]),
});

/** Reads `preprocessor_config.json` of a checkpoint's folder. Throws a UserError that names the file and the key. */
export function loadPreprocessor(folder: string): Preprocessor {
  const path = join(folder, "preprocessor_config.json");
  return parsePreprocessor(readJson(path), path);
}

/** Images are cut to so many pixels a side, after a resize that leaves this share of them; from this size on, they are not cut. */
const NOT_CUT = 384;

/** As `ConvNextImageProcessor` of transformers has it. */
function cropShare(preparation: ImagePreparation, size: z.infer<typeof sizeSchema>, share: number): void {
  const side = typeof size === "number" ? size : "shortest_edge" in size ? size.shortest_edge : undefined;
  if (side === undefined) return;
  preparation.resize = { height: side, width: side };
  if (side >= NOT_CUT) return;
  preparation.resize = { shortestEdge: Math.floor(side / share) };
  preparation.crop = { height: side, width: side };
}

/** A preprocessor from the content of a `preprocessor_config.json`; `file` is its name in errors. */
export function parsePreprocessor(value: unknown, file: string): Preprocessor {
  const result = fileSchema.safeParse(withoutNulls(value));
  if (!result.success) {
    const issue = result.error.issues[0];
    throw new UserError(
      `${file} is not laid out as expected at "${issue?.path.join(".")}": ${issue?.message}`,
    );
  }
  const config = result.data;
  const filter = RESAMPLING[config.resample];
  if (filter === undefined) {
    throw new UserError(
      `${file}: "resample" is ${config.resample}; only 2 (bilinear) and 3 (bicubic) are supported`,
    );
  }
  const { size } = config;
  const preparation: ImagePreparation = { filter };
  if (config.do_resize && size !== undefined) {
    preparation.resize = typeof size === "number"
      // A mere number means the shorter edge where a crop follows.
      ? config.do_center_crop ? { shortestEdge: size } : { height: size, width: size }
      : "height" in size
      ? size
      : { shortestEdge: size.shortest_edge };
  }
  // ViLT keeps the shape of an image; here all become squares, so that none needs padding.
  if (config.size_divisor && preparation.resize && "shortestEdge" in preparation.resize) {
    const { shortestEdge: side } = preparation.resize;
    preparation.resize = { height: side, width: side };
  }
  if (config.crop_pct && size !== undefined) cropShare(preparation, size, config.crop_pct);
  if (config.do_center_crop) {
    const crop = config.crop_size;
    if (crop === undefined) throw new UserError(`${file}: "do_center_crop" needs a "crop_size"`);
    preparation.crop = typeof crop === "number" ? { height: crop, width: crop } : crop;
  }
  const { resize } = preparation;
  const final = preparation.crop ?? (resize !== undefined && "height" in resize ? resize : undefined);
  if (final === undefined) {
    throw new UserError(
      `${file}: images would keep different sizes; "size" needs height and width, or a crop after it`,
    );
  }
  // The file means (byte · factor - mean) / std; mean and std are given here for byte / 255.
  const unit = 1 / (255 * (config.do_rescale ? config.rescale_factor : 1));
  const scaled = (values: readonly [number, number, number]) =>
    values.map((one) => unit === 1 || Math.abs(unit - 1) < 1e-6 ? one : one * unit) as [
      number,
      number,
      number,
    ];
  return {
    spec: {
      height: final.height,
      width: final.width,
      mean: scaled(config.do_normalize ? config.image_mean : [0, 0, 0]),
      std: scaled(config.do_normalize ? config.image_std : [1, 1, 1]),
    },
    preparation,
  };
}

/** What is said: the fast processors of `transformers` write null for all that they leave open. */
function withoutNulls(value: unknown): unknown {
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(Object.entries(value).filter(([, one]) => one !== null));
}
