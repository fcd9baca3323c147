/** Labelled samples, each seen through one or more modalities. */
import type { Batch, ModalityBatch, Split } from "./batch.ts";
import { keyOf, Random } from "../base/random.ts";

export interface ImageSpec {
  name: string;
  kind: "image";
  height: number;
  width: number;
  /** Normalisation on the device: (byte / 255 - mean) / std, for red, green and blue. */
  mean: readonly [number, number, number];
  std: readonly [number, number, number];
}

export interface TextSpec {
  name: string;
  kind: "text";
  vocabularySize: number;
  /** Longest text in tokens, special tokens included. */
  maxTokens: number;
  padId: number;
  /** The token that every text ends with. */
  endId?: number;
}

export interface FeatureSpec {
  name: string;
  kind: "features";
  width: number;
}

export type ModalitySpec = ImageSpec | TextSpec | FeatureSpec;

/** Names the variation of the samples in one pass over the training split. */
export interface EpochKey {
  seed: number;
  epoch: number;
}

/** Labelled samples in fixed splits, each seen through one or more modalities. Rows count within a split, from 0. */
export interface Dataset {
  readonly name: string;
  readonly classes: readonly string[];
  readonly modalities: readonly ModalitySpec[];
  count(split: Split): number;
  /** A name of the sample that is the same in every run. */
  id(split: Split, row: number): string;
  label(split: Split, row: number): number;
  /** What a training sample counts in the losses of heads; all alike if not given. */
  weight?(row: number): number;
  /** The path of the sample's image, empty where there is none. */
  path?(split: Split, row: number): string;
  /** The text of the sample, empty where there is none. */
  text(split: Split, row: number): string;
  /**
   * Samples ready for the device. With `augment`, allowed on the training split only, they are varied by (seed, epoch,
   * sample) alone: neither the order nor the company of a sample matters. `only` names the modalities that are wanted;
   * all of them if not given.
   */
  batch(split: Split, rows: Uint32Array, augment?: EpochKey, only?: readonly string[]): Promise<Batch>;
  /** Ends workers and closes files; batches cannot be had afterwards. */
  close?(): void;
}

/** One way to see the samples of a data set; samples count over all splits, from 0. */
export interface Modality {
  readonly spec: ModalitySpec;
  /** A batch of samples. With `random`, which makes the random numbers of a sample, they are varied for training. */
  batch(samples: Uint32Array, random?: (sample: number) => Random): ModalityBatch | Promise<ModalityBatch>;
  text?(sample: number): string;
  close?(): void;
}

export interface Sample {
  id: string;
  path?: string;
  label: number;
  split: Split;
  weight?: number;
}

/** A data set put together from a list of samples and any number of modalities. */
export class SampleDataset implements Dataset {
  readonly name: string;
  readonly classes: readonly string[];
  readonly parts: readonly Modality[];
  #samples: readonly Sample[];
  #rows: Record<Split, Uint32Array>;

  /** Throws a `RangeError` for a label outside the classes or two modalities of one name. */
  constructor({ name, classes, samples, parts }: {
    name: string;
    classes: readonly string[];
    samples: readonly Sample[];
    parts: readonly Modality[];
  }) {
    const names = new Set(parts.map((part) => part.spec.name));
    if (names.size !== parts.length) {
      throw new RangeError(
        `Modalities need different names, got ${parts.map((part) => part.spec.name).join(", ")}`,
      );
    }
    for (const { id, label } of samples) {
      if (!(label in classes)) {
        throw new RangeError(`Label ${label} of ${id} is outside 0..${classes.length - 1}`);
      }
    }
    this.name = name;
    this.classes = classes;
    this.parts = parts;
    this.#samples = samples;
    const rowsOf = (split: Split) =>
      Uint32Array.from(samples.flatMap((sample, number) => sample.split === split ? [number] : []));
    this.#rows = { train: rowsOf("train"), validation: rowsOf("validation"), test: rowsOf("test") };
  }

  get modalities(): readonly ModalitySpec[] {
    return this.parts.map((part) => part.spec);
  }

  count(split: Split): number {
    return this.#rows[split].length;
  }

  id(split: Split, row: number): string {
    return this.#samples[this.#number(split, row)]!.id;
  }

  label(split: Split, row: number): number {
    return this.#samples[this.#number(split, row)]!.label;
  }

  weight(row: number): number {
    return this.#samples[this.#number("train", row)]!.weight ?? 1;
  }

  path(split: Split, row: number): string {
    return this.#samples[this.#number(split, row)]!.path ?? "";
  }

  text(split: Split, row: number): string {
    const number = this.#number(split, row);
    return this.parts.find((part) => part.text !== undefined)?.text?.(number) ?? "";
  }

  async batch(
    split: Split,
    rows: Uint32Array,
    augment?: EpochKey,
    only?: readonly string[],
  ): Promise<Batch> {
    if (augment !== undefined && split !== "train") {
      throw new RangeError(`Only the training split may be augmented, not ${split}`);
    }
    const samples = Uint32Array.from(rows, (row) => this.#number(split, row));
    const modalities: Record<string, ModalityBatch> = {};
    for (const [index, part] of this.parts.entries()) {
      if (only?.includes(part.spec.name) === false) continue;
      const random = augment &&
        ((sample: number) => new Random(keyOf(augment.seed, augment.epoch, sample, index)));
      modalities[part.spec.name] = await part.batch(samples, random);
    }
    const labels = Uint32Array.from(samples, (number) => this.#samples[number]!.label);
    return { size: rows.length, rows: rows.slice(), labels, modalities };
  }

  close(): void {
    for (const part of this.parts) part.close?.();
  }

  #number(split: Split, row: number): number {
    const number = this.#rows[split][row];
    if (number === undefined) {
      throw new RangeError(`Row ${row} is outside the ${this.count(split)} samples of the ${split} split`);
    }
    return number;
  }
}
