/** What a batch of samples holds, as the host makes it for the device. */
import { release } from "../base/release.ts";

/** A part of a data set. */
export const SPLITS = ["train", "validation", "test"] as const;
export type Split = typeof SPLITS[number];

/** The part of a batch that is one modality. */
interface SomeBatch {
  /** 1 for each sample of the batch that has the modality, else 0: arrays are of those alone. All have it if not given. */
  present?: Uint32Array; // [batch]
}

/** Images as bytes, normalised on the device. */
export interface ImageBatch extends SomeBatch {
  kind: "image";
  /** RGB. */
  pixels: Uint8Array; // [batch, height, width, 3]
  height: number;
  width: number;
}

/** Token ids, padded at the end to the longest text of the batch rounded up to a multiple of 8. */
export interface TextBatch extends SomeBatch {
  kind: "text";
  ids: Uint32Array; // [batch, tokens]
  /** 1 for a token of the text, 0 for padding. */
  mask: Uint32Array; // [batch, tokens]
  tokens: number;
}

/** Plain feature vectors. */
export interface FeatureBatch extends SomeBatch {
  kind: "features";
  values: Float32Array; // [batch, width]
  width: number;
}

export type ModalityBatch = ImageBatch | TextBatch | FeatureBatch;

/** The place of a sample of a batch in the arrays of a modality; undefined where it lacks that. */
export function placeIn({ present }: ModalityBatch, sample: number): number | undefined {
  if (present === undefined) return sample;
  return present[sample] === 0 ? undefined : present.subarray(0, sample).reduce((sum, one) => sum + one, 0);
}

/** How the images of a batch are mixed with each other. */
export interface Mix {
  /** The place in the batch of the sample that each is mixed with. */
  partners: Uint32Array; // [batch]
  /** What is left of a sample's own image; the rest is its partner's. */
  shares: Float32Array; // [batch]
}

/** Samples ready for the device: one entry in `modalities` for every modality of the data set, by its name. */
export interface Batch {
  size: number;
  /** Numbers of the samples within their split. */
  rows: Uint32Array; // [batch]
  labels: Uint32Array; // [batch]
  /** What is learned in tasks other than classification: 1 for labels that samples have, or standardised numbers. */
  targets?: Float32Array<ArrayBuffer>; // [batch, outputs]
  /** What samples count in the losses of heads; all 1 if not given. */
  weights?: Float32Array<ArrayBuffer>; // [batch]
  modalities: Record<string, ModalityBatch>;
  /** Not given where images are as they are. */
  mix?: Mix;
}

/** Frees the arrays of a batch that the device has been given; they are empty then. */
export function releaseBatch({ modalities }: Batch): void {
  for (const input of Object.values(modalities)) {
    if (input.kind === "image") release(input.pixels);
    else if (input.kind === "features") release(input.values);
    else for (const array of [input.ids, input.mask]) release(array);
  }
}
