/** Fits the preprocessing of a new run to its training samples. */
import type { ImageSpec } from "./dataset.ts";
import type { Colour } from "./images/colour.ts";
import type { ImagePreparation } from "./images/prepare_image.ts";
import type { IndexedModality, IndexedSample, SampleIndex } from "./index/sample_index.ts";
import type { Resolve } from "./package_file.ts";
import { featureNames, type FeatureRow, featuresIn, fitCells } from "./feature_cells.ts";
import type { FeaturePreprocessing, ModalityPreprocessing, Preprocessing } from "./preprocessing.ts";
import { scaleOf } from "./targets.ts";
import type { TextTokenizer } from "./text/tokenizer.ts";
import { compactWordPiece, readBertVocabulary } from "./text/word_piece.ts";

export interface FitOptions {
  /** How the images of a modality are to be; `preparation` where a pretrained encoder brought its own. */
  image(name: string): Pick<ImageSpec, "height" | "width" | "mean" | "std"> & {
    /** What lies under transparent pixels; white if not given. */
    readonly background?: Colour;
    readonly preparation?: ImagePreparation;
  };
  /** How long the texts of a modality may be; `tokenizer` where a pretrained encoder brought its own. */
  text(name: string): { readonly maxTokens: number; readonly tokenizer?: TextTokenizer };
  /** How files of packages are found. */
  readonly resolve?: Resolve;
}

/** Only the training samples among `samples` are looked at, but for names. */
export async function fitPreprocessing(
  { name, task, classes, modalities }: Pick<SampleIndex, "name" | "task" | "classes" | "modalities">,
  samples: readonly IndexedSample[],
  options: FitOptions,
): Promise<Preprocessing> {
  const training = samples.filter(({ split }) => split === "train");
  const fitted: ModalityPreprocessing[] = [];
  for (const modality of modalities) fitted.push(await fitModality(modality, training, options));
  return {
    dataset: name,
    ...(task && { task }),
    ...(task === "regression" && { scale: scaleOf(training) }),
    classes,
    modalities: fitted,
  };
}

async function fitModality(
  modality: IndexedModality,
  training: readonly IndexedSample[],
  options: FitOptions,
): Promise<ModalityPreprocessing> {
  const { name, kind } = modality;
  const inputs = training.map((sample) => sample.inputs[name]!).filter((input) => input !== null);
  if (kind === "image") {
    const { preparation, background = "white", ...spec } = options.image(name);
    const { height, width } = spec;
    return {
      name,
      kind,
      ...spec,
      preparation: {
        ...(preparation ?? { filter: "bilinear", resize: { height, width } }),
        ...(background !== "white" && { background }),
      },
      fromOriginal: preparation === undefined && modality.openOriginals !== undefined,
    };
  }
  if (kind === "text") {
    const { maxTokens, tokenizer } = options.text(name);
    const isFitted = tokenizer === undefined;
    const texts = new Set(inputs as string[]);
    return {
      name,
      kind,
      tokenizer: tokenizer ?? compactWordPiece(texts, await readBertVocabulary(options.resolve)),
      maxTokens,
      isFitted,
      isCleaned: modality.isCleaned ?? false,
    };
  }
  const { width, columns = Array.from({ length: width }, (_, i) => String(i + 1)), reading } = modality;
  const rows = inputs as FeatureRow[];
  if (reading === undefined) return { name, kind, columns, ...rangesOf(rows as Float32Array[], width) };
  const cells = fitCells(columns, rows, reading);
  const names = featureNames(cells);
  return {
    name,
    kind,
    columns: names,
    ...rangesOf(rows.map((row) => featuresIn(row, cells)), names.length),
    cells,
    ...(reading.decimal === "," && { decimal: reading.decimal }),
  };
}

/** The least and the largest value of each column. */
function rangesOf(rows: readonly Float32Array[], width: number) {
  const minimum = new Float64Array(width).fill(Infinity);
  const maximum = new Float64Array(width).fill(-Infinity);
  for (const row of rows) {
    row.forEach((value, column) => {
      minimum[column] = Math.min(minimum[column]!, value);
      maximum[column] = Math.max(maximum[column]!, value);
    });
  }
  return { minimum, maximum };
}

/**
 * The features of rows, scaled column by column so that those the ranges were taken from lie between 0 and 1; others may
 * go beyond. A column without a range becomes 0. Gives [rows, width].
 */
export function scaled(
  cells: readonly FeatureRow[],
  { minimum, maximum, cells: fitted }: Pick<FeaturePreprocessing, "minimum" | "maximum" | "cells">,
): Float32Array {
  const width = minimum.length;
  const rows = fitted === undefined ? cells as Float32Array[] : cells.map((row) => featuresIn(row, fitted));
  const values = new Float32Array(rows.length * width);
  rows.forEach((row, at) =>
    row.forEach((value, column) => {
      const range = maximum[column]! - minimum[column]!;
      values[at * width + column] = range > 0 ? (value - minimum[column]!) / range : 0;
    })
  );
  return values;
}
