/** A data set from an index: images from their files, texts as tokens, features scaled. */
import type { Augmentation } from "../images/augmentation.ts";
import { type ImageSpec, type Modality, SampleDataset } from "../dataset.ts";
import { ImageFiles } from "../images/image_files.ts";
import { defaultCacheDirectory } from "../images/image_store.ts";
import { type IndexedModality, type IndexedSample, type SampleIndex, soundSamples } from "./sample_index.ts";
import { FeatureModality, ImageModality, TextModality } from "../modalities.ts";
import type { ImagePreparation } from "../images/prepare_image.ts";
import { ResamplePool } from "../workers/resample_pool.ts";
import type { TextTokenizer } from "../text/tokenizer.ts";
import { compactWordPiece, readBertVocabulary } from "../text/word_piece.ts";

export interface ImageSettings extends Pick<ImageSpec, "height" | "width" | "mean" | "std"> {
  /** The steps from a file to height and width. */
  readonly preparation: ImagePreparation;
  readonly augmentation: Augmentation;
}

export interface TextSettings {
  /** That of a pretrained encoder; one made for the training texts if not given. */
  readonly tokenizer?: TextTokenizer;
  readonly maxTokens: number;
  readonly wordDropout: number;
}

export interface IndexedDatasetOptions {
  /** By the name of the modality. */
  image(name: string): ImageSettings;
  text(name: string): TextSettings;
  /** Samples to leave out, by `originKey`. */
  readonly skipped: ReadonlySet<string>;
  /** Folder for the decoded images; `undefined` for the usual one, `false` keeps them in memory. */
  readonly cacheDirectory?: string | false;
  /** Told what is worth knowing but no error. */
  note(message: string): void;
}

/** Fills what is left beside an image, when training shifts it: the middle of the range. */
const GREY = 128;

/** The samples of an index, ready to be batched. Throws a UserError where some are faulty and not skipped. */
export async function datasetFrom(
  index: SampleIndex,
  options: IndexedDatasetOptions,
): Promise<SampleDataset> {
  const samples = soundSamples(index, options.skipped);
  const parts: Modality[] = [];
  for (const modality of index.modalities) {
    parts.push(await partOf(modality, index.name, samples, options));
  }
  const { name, classes } = index;
  return new SampleDataset({ name, classes, samples, parts });
}

function partOf(
  modality: IndexedModality,
  set: string,
  samples: readonly IndexedSample[],
  options: IndexedDatasetOptions,
): Modality | Promise<Modality> {
  const { name, kind } = modality;
  if (kind === "features") {
    const rows = samples.map(({ inputs }) => inputs[name] as Float32Array);
    const isTraining = samples.map(({ split }) => split === "train");
    return new FeatureModality(name, scaledByTraining(rows, isTraining, modality.width), modality.width);
  }
  const values = samples.map(({ inputs }) => inputs[name] as string);
  if (kind === "text") return textPart(name, values, samples, options.text(name));
  const { preparation, augmentation, ...spec } = options.image(name);
  const directory = options.cacheDirectory === false
    ? undefined
    : options.cacheDirectory ?? defaultCacheDirectory();
  const files = new ImageFiles(values, { spec, preparation }, {
    name: `${set}-${name}`,
    directory,
    note: options.note,
  });
  return new ImageModality({ name, kind, ...spec }, files, {
    augmentation,
    flippable: () => true,
    background: GREY,
    pool: new ResamplePool(),
  });
}

async function textPart(
  name: string,
  texts: readonly string[],
  samples: readonly IndexedSample[],
  { tokenizer, maxTokens, wordDropout }: TextSettings,
): Promise<TextModality> {
  const known = tokenizer ?? compactWordPiece(
    new Set(texts.filter((_, at) => samples[at]!.split === "train")),
    await readBertVocabulary(),
  );
  return new TextModality(name, known, texts, {
    maxTokens,
    wordDropout,
    dropUnknown: tokenizer === undefined,
  });
}

/**
 * Rows scaled column by column so that the training samples lie between 0 and 1; others may go beyond. A column that is
 * the same in all of training becomes 0. Gives [samples, width].
 */
export function scaledByTraining(
  rows: readonly Float32Array[],
  isTraining: readonly boolean[],
  width: number,
): Float32Array {
  const low = new Float64Array(width).fill(Infinity);
  const high = new Float64Array(width).fill(-Infinity);
  rows.forEach((row, at) => {
    if (!isTraining[at]) return;
    row.forEach((value, column) => {
      low[column] = Math.min(low[column]!, value);
      high[column] = Math.max(high[column]!, value);
    });
  });
  const scaled = new Float32Array(rows.length * width);
  rows.forEach((row, at) =>
    row.forEach((value, column) => {
      const range = high[column]! - low[column]!;
      scaled[at * width + column] = range > 0 ? (value - low[column]!) / range : 0;
    })
  );
  return scaled;
}
