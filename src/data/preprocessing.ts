/**
 * What is fitted or chosen on the data of a run, and everything that reads its samples later must use again: the
 * classes, the tokenizer of each text, the ranges of each feature, how images are brought to their size.
 */
import { type FeatureCell, type FeatureReading, readingOf } from "./feature_cells.ts";
import type { ImageSpec, ModalitySpec } from "./dataset.ts";
import type { ImagePreparation } from "./images/prepare_image.ts";
import type { Scale, TaskName } from "./targets.ts";
import type { TextTokenizer } from "./text/tokenizer.ts";

/** Images: laid over a background where they are transparent, brought to height x width, then (byte / 255 - mean) / std. */
export interface ImagePreprocessing extends ImageSpec {
  readonly preparation: ImagePreparation;
  /** True where samples are resized from the original at every use, so that training can vary it at full resolution. */
  readonly fromOriginal: boolean;
}

/** Texts: split by the tokenizer and cut after `maxTokens`, special tokens included. */
export interface TextPreprocessing {
  readonly name: string;
  readonly kind: "text";
  readonly tokenizer: TextTokenizer;
  readonly maxTokens: number;
  /** True where the vocabulary was made from the training texts; false where it came with a pretrained encoder. */
  readonly isFitted: boolean;
  /** True where texts are cleaned by `cleanText` before they are split, as the published code does for some data sets. */
  readonly isCleaned: boolean;
}

/**
 * Numbers: (x - minimum) / (maximum - minimum), 0 for a feature that never varied in training. Where cells are not
 * numbers alone, `columns` are the features that they become.
 */
export interface FeaturePreprocessing {
  readonly name: string;
  readonly kind: "features";
  /** One name a feature; their numbers from 1 where the data set names none. */
  readonly columns: readonly string[];
  /** Over the training samples. */
  readonly minimum: Float64Array; // [columns]
  readonly maximum: Float64Array; // [columns]
  /** What training found out about each cell, in place of numbers alone. */
  readonly cells?: readonly FeatureCell[];
  /** What stands before fractions in texts; a point if not given. */
  readonly decimal?: ",";
}

/** The names of the cells of a sample, of which features are made. */
export function cellNames(
  { cells, columns }: Pick<FeaturePreprocessing, "cells" | "columns">,
): readonly string[] {
  return cells?.map(({ column }) => column) ?? columns;
}

export function cellCount(modality: Pick<FeaturePreprocessing, "cells" | "columns">): number {
  return cellNames(modality).length;
}

/** How the cells of a sample are read. */
export function cellReading({ cells = [], decimal }: FeaturePreprocessing): FeatureReading {
  return readingOf(cells, decimal ?? ".");
}

export type ModalityPreprocessing = ImagePreprocessing | TextPreprocessing | FeaturePreprocessing;

export interface Preprocessing {
  /** The name of the data set. */
  readonly dataset: string;
  /** Classification if not given. */
  readonly task?: TaskName;
  /** Of the numbers of training samples, in regression. */
  readonly scale?: Scale;
  /** A label is the number of its class here; in regression it is the name of the number alone. */
  readonly classes: readonly string[];
  /** In the order in which representations are concatenated. */
  readonly modalities: readonly ModalityPreprocessing[];
}

/** The part of a preprocessing that a model must know to read a modality. */
export function specOf(modality: ModalityPreprocessing): ModalitySpec {
  const { name, kind } = modality;
  if (kind === "image") {
    const { height, width, mean, std } = modality;
    return { name, kind, height, width, mean, std };
  }
  if (kind === "features") return { name, kind, width: modality.columns.length };
  const { tokenizer: { vocabularySize, padId, separatorId: endId }, maxTokens } = modality;
  return { name, kind, vocabularySize, maxTokens, padId, endId };
}
