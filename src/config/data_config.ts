/** The configuration of data sets. */
import * as z from "zod";
import { UserError } from "../base/user_error.ts";
import { COLOUR_PATTERN } from "../data/images/colour.ts";
import { FOOD101_LAYOUTS } from "../data/readers/food101.ts";
import { N24_LAYOUTS, N24_TEXTS } from "../data/readers/n24news.ts";
import { DELIMITER } from "../data/readers/table_format.ts";
import { TASKS } from "../data/targets.ts";
import type { TableModality } from "../data/readers/table_options.ts";
import { STAND_INS } from "../models/encoders/optional.ts";
import { isEncoding } from "../io/text_chunks.ts";
import { augmentation } from "./augmentation_config.ts";
import { isOfAllObjects, RESERVED } from "../models/method_checks.ts";
import { count, rate, share, whole } from "./values.ts";

/** Whether samples may lack modalities. */
const presence = {
  /** An empty cell is a fault, or a modality that its sample lacks: a learned vector or zeros stand for it then. */
  missing: z.enum(["refuse", ...STAND_INS]).default("refuse"),
  /** The shares of samples from which modalities are withheld for good, as if they were missing; see `drawWithheld`. */
  withhold: z.strictObject({
    train: share.default(0),
    validation: share.default(0),
    test: share.default(0),
    seed: whole.min(0).default(1),
  }).prefault({}),
};

/** Those of data whose samples have all modalities. */
export const COMPLETE = {
  missing: "refuse",
  withhold: { train: 0, validation: 0, test: 0, seed: 1 },
} as const;

/** What parts the labels of a cell, where nothing is said. */
export const LABELS_SEPARATOR = ",";

/** How images and texts are made ready. */
const inputs = {
  image_size: count,
  /** Bytes become (byte / 255 - mean) / std, by channel. */
  image_mean: z.tuple([z.number(), z.number(), z.number()]).default([0.5, 0.5, 0.5]),
  image_std: z.tuple([rate, rate, rate]).default([0.5, 0.5, 0.5]),
  max_tokens: whole.min(3),
  ...augmentation,
  ...presence,
};

/** Of images in files of one's own. */
const files = {
  /** What lies under transparent pixels. */
  background: z.string().regex(COLOUR_PATTERN, 'white, black, or "#" and six hexadecimal digits').default(
    "white",
  ),
  /** Folders, besides that of the data, in which files may lie. */
  roots: z.array(z.string().min(1)).default([]),
  ...inputs,
};

/** The seed of splits that a data set does not bring: it is the same in every run, so that runs of other seeds can be compared. */
const split_seed = whole.min(0);
const drawn = share.gt(0).lt(1);

const column = z.string().min(1);
const features = z.union([column, z.array(column).min(1)], { error: "a column or a list of columns" });
const tableModality = z.union([
  z.strictObject({ image: column }),
  z.strictObject({ text: column }),
  z.strictObject({ features }),
], { error: '{"image": COLUMN}, {"text": COLUMN} or {"features": [COLUMNS]}' });

export const dataSchema = z.discriminatedUnion("name", [
  z.strictObject({ name: z.literal("emoji"), labels: z.enum(["group", "subgroup"]), ...inputs }),
  z.strictObject({
    name: z.literal("food101"),
    root: z.string(),
    /** Which files there are and which texts are read; see `Food101Options`. */
    layout: z.enum(FOOD101_LAYOUTS),
    text: z.enum(["auto", "page", "title"]),
    /** Drawn from the training samples. */
    validation_samples: count,
    split_seed,
    ...files,
  }),
  z.strictObject({
    name: z.literal("n24news"),
    root: z.string(),
    /** Which files there are; see `N24NewsOptions`. */
    layout: z.enum(N24_LAYOUTS).default("auto"),
    text: z.enum(N24_TEXTS),
    /** Of the splits where the files bring none. */
    split_seed: split_seed.default(1),
    ...files,
    /** Null for the length published for the kind of text. */
    max_tokens: inputs.max_tokens.nullable(),
  }),
  z.strictObject({
    name: z.literal("features"),
    root: z.string(),
    /** The share of the training samples that is held back; 0 learns from all of them, and then validation on the same samples decides nothing. */
    validation_share: share.lt(1),
    split_seed,
    ...presence,
  }),
  z.strictObject({
    name: z.literal("table"),
    file: z.string(),
    /** What parts the cells of a separated text; null to find it. */
    delimiter: z.string().regex(DELIMITER, 'a single character, or "tab"').nullable().default(null),
    /** A label of the Encoding Standard, such as latin1 or utf-16; null for UTF-8. */
    encoding: z.string().refine(isEncoding, "a name of the Encoding Standard, such as latin1 or utf-16")
      .nullable()
      .default(null),
    /** Modalities by name, and in short those named "image", "text" and "features". */
    modalities: z.record(z.string(), tableModality).default({}),
    image: column.optional(),
    text: column.optional(),
    features: features.optional(),
    /** Columns of numbers that hold names of categories, which become one feature each. */
    categories: z.array(column).default([]),
    /** What stands before fractions. */
    decimal: z.enum([".", ","]).default("."),
    /** Numbers that are missing are faults, or become the mean of training, with a feature that says so. */
    missing_numbers: z.enum(["refuse", "mean"]).default("refuse"),
    /** What rows are to be told: one of several classes, any number of labels, or a number. */
    task: z.enum(TASKS).default("classification"),
    /** The column of the class, of labels or of the number; or several, one a label, that hold 1 or 0. */
    label: z.union([column, z.array(column).min(1)], { error: "a column, or a list of columns of labels" }),
    /** What parts the labels of one cell. */
    labels_separator: z.string().min(1).default(LABELS_SEPARATOR),
    split: column.nullable(),
    /** Rows of one value stay in one split, where splits are drawn. */
    group: column.nullable().default(null),
    /** The test split is fold `fold` of so many, counted from 1. */
    folds: whole.min(2).nullable().default(null),
    fold: count.nullable().default(null),
    id: column.nullable(),
    /** The column of what a sample counts in training. */
    weight: column.nullable().default(null),
    classes: z.array(z.string().min(1)).min(1).nullable(),
    /** The shares of all rows that are drawn, where the table has none for validation or test. */
    validation_share: drawn,
    test_share: drawn,
    split_seed,
    /** The folder that paths of images count from, itself from that of the table; null for that of the table. */
    images: z.string().min(1).nullable().default(null),
    ...files,
  }),
]);

export type DataConfig = z.infer<typeof dataSchema>;
export type DataName = DataConfig["name"];
/** A data set of images and texts. */
export type InputsConfig = Exclude<DataConfig, { readonly name: "features" }>;

export function hasInputs(data: DataConfig): data is InputsConfig {
  return data.name !== "features";
}

/** Says what no key of a data set can be blamed for alone, if anything. */
export function wrongInData(data: DataConfig): string | undefined {
  const { train, validation, test } = data.withhold;
  if (data.missing === "refuse" && train + validation + test > 0) {
    return '"data.missing" must be learned or zeros with "data.withhold": samples then lack modalities';
  }
  if (data.name !== "table") return undefined;
  const { folds, fold, split } = data;
  if (fold !== null && folds === null) return '"data.folds" must say of how many "data.fold" is one';
  if (folds === null) return undefined;
  if (split !== null) return '"data.folds" draws test splits anew: "data.split" must be null with it';
  return fold !== null && fold > folds
    ? `"data.fold" must be from 1 to "data.folds", got ${fold} of ${folds}`
    : undefined;
}

type TableConfig = Extract<DataConfig, { readonly name: "table" }>;

/** The modalities of a table, the short forms among them. Throws a UserError where there is none, or a name stands twice. */
export function tableModalities(data: TableConfig): Record<string, TableModality> {
  const { image, text, features } = data;
  const short: Record<string, TableModality> = {
    ...(image !== undefined && { image: { image } }),
    ...(text !== undefined && { text: { text } }),
    ...(features !== undefined && { features: { features } }),
  };
  for (const name of Object.keys(data.modalities)) {
    if (!/^[A-Za-z]\w*$/.test(name) || RESERVED.includes(name) || isOfAllObjects(name)) {
      throw new UserError(
        `"data.modalities.${name}": a name is of letters, digits and _, and none of ${RESERVED.join(", ")}` +
          (isOfAllObjects(name) ? ", nor of a property that all objects have" : ""),
      );
    }
    if (name in short) throw new UserError(`"data.modalities.${name}" and "data.${name}" are both given`);
  }
  const all = { ...short, ...data.modalities };
  if (Object.keys(all).length > 0) return all;
  throw new UserError(
    `${data.file}: say which columns to use, such as --set data.image=path data.text=title data.label=category`,
  );
}
