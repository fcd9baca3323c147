/** Labelled samples, each seen through one or more modalities. */
import type { Batch, ModalityBatch, Split } from "./batch.ts";
import { keyOf, Random } from "../base/random.ts";
import { drawWithheld } from "./presence.ts";
import { type Scale, type Target, TARGETS, type TaskName } from "./targets.ts";

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
  /** Classification if not given. */
  readonly task?: TaskName;
  /** Names of classes or of labels; in regression that of the number alone. */
  readonly classes: readonly string[];
  /** In regression. */
  readonly scale?: Scale;
  readonly modalities: readonly ModalitySpec[];
  count(split: Split): number;
  /** A name of the sample that is the same in every run. */
  id(split: Split, row: number): string;
  label(split: Split, row: number): number;
  /** What a sample is to be told in other tasks than classification. */
  target?(split: Split, row: number): Target;
  /** What a training sample counts in the losses of heads; all alike if not given. */
  weight?(row: number): number;
  /** The path of the sample's image, empty where there is none. */
  path?(split: Split, row: number): string;
  /** Whether the sample has a modality; all have all if not given. */
  has?(split: Split, row: number, modality: string): boolean;
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

export interface Sample extends Target {
  id: string;
  path?: string;
  split: Split;
  weight?: number;
  /** The modalities that it lacks; none if not given. */
  lacks?: readonly string[];
}

/** The modality of a batch whose samples all lack it. */
export function absentFrom(size: number, spec: ModalitySpec): ModalityBatch {
  const present = new Uint32Array(size);
  if (spec.kind === "image") {
    return { kind: "image", pixels: new Uint8Array(0), height: spec.height, width: spec.width, present };
  }
  if (spec.kind === "features") {
    return { kind: "features", values: new Float32Array(0), width: spec.width, present };
  }
  return { kind: "text", ids: new Uint32Array(0), mask: new Uint32Array(0), tokens: 1, present };
}

/** A data set put together from a list of samples and any number of modalities. */
export class SampleDataset implements Dataset {
  readonly name: string;
  readonly task: TaskName;
  readonly classes: readonly string[];
  readonly scale?: Scale;
  readonly parts: readonly Modality[];
  #samples: readonly Sample[];
  #rows: Record<Split, Uint32Array>;
  readonly #dropout: number;

  /**
   * `modalityDropout` is the share of the samples that are varied from which modalities are withheld. Throws a `RangeError` for
   * a label outside the classes or two modalities of one name.
   */
  constructor({ name, task = "classification", scale, classes, samples, parts, modalityDropout = 0 }: {
    name: string;
    task?: TaskName;
    scale?: Scale | undefined;
    classes: readonly string[];
    samples: readonly Sample[];
    parts: readonly Modality[];
    modalityDropout?: number;
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
    this.task = task;
    if (scale !== undefined) this.scale = scale;
    this.classes = classes;
    this.parts = parts;
    this.#dropout = modalityDropout;
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

  target(split: Split, row: number): Target {
    return this.#samples[this.#number(split, row)]!;
  }

  weight(row: number): number {
    return this.#samples[this.#number("train", row)]!.weight ?? 1;
  }

  path(split: Split, row: number): string {
    return this.#samples[this.#number(split, row)]!.path ?? "";
  }

  has(split: Split, row: number, modality: string): boolean {
    return !this.#samples[this.#number(split, row)]!.lacks?.includes(modality);
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
    const has = Array.from(samples, (sample) => this.#modalitiesOf(sample, augment));
    const modalities: Record<string, ModalityBatch> = {};
    for (const [index, part] of this.parts.entries()) {
      if (only?.includes(part.spec.name) === false) continue;
      const random = augment &&
        ((sample: number) => new Random(keyOf(augment.seed, augment.epoch, sample, index)));
      const own = samples.filter((_, row) => has[row]![index]);
      if (own.length === samples.length) modalities[part.spec.name] = await part.batch(samples, random);
      else if (own.length === 0) modalities[part.spec.name] = absentFrom(samples.length, part.spec);
      else {
        const present = Uint32Array.from(has, (one) => Number(one[index]));
        modalities[part.spec.name] = { ...await part.batch(own, random), present };
      }
    }
    const own = Array.from(samples, (number) => this.#samples[number]!);
    const labels = Uint32Array.from(own, ({ label }) => label);
    const targets = TARGETS[this.task].learned?.(own, this.classes.length, this.scale ?? { mean: 0, std: 1 });
    return { size: rows.length, rows: rows.slice(), labels, ...(targets && { targets }), modalities };
  }

  close(): void {
    for (const part of this.parts) part.close?.();
  }

  /** Which modalities a sample has, in the order of the parts, without those withheld in this epoch. */
  #modalitiesOf(sample: number, augment: EpochKey | undefined): readonly boolean[] {
    const { lacks } = this.#samples[sample]!;
    const has = this.parts.map(({ spec }) => !lacks?.includes(spec.name));
    if (augment === undefined || this.#dropout === 0) return has;
    // The parts take the numbers before this one.
    const key = keyOf(augment.seed, augment.epoch, sample, this.parts.length);
    return drawWithheld(this.#dropout, has, new Random(key));
  }

  #number(split: Split, row: number): number {
    const number = this.#rows[split][row];
    if (number === undefined) {
      throw new RangeError(`Row ${row} is outside the ${this.count(split)} samples of the ${split} split`);
    }
    return number;
  }
}
