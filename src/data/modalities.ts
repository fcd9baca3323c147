import type { FeatureBatch, ImageBatch, TextBatch } from "./batch.ts";
import { type Augmentation, drawAugmentation } from "./images/augmentation.ts";
import type { FeatureSpec, ImageSpec, Modality, TextSpec } from "./dataset.ts";
import type { RgbImage } from "./images/image.ts";
import type { Random } from "../base/random.ts";
import { resampleAll, type Resampling, staysAsItIs } from "./images/resample.ts";
import type { ResamplePool } from "./workers/resample_pool.ts";
import { padTexts, type TextTokenizer } from "./text/tokenizer.ts";

/** Where decoded images come from: memory, a cache on disk, or workers that decode. */
export interface ImageSource {
  image(sample: number): RgbImage | Promise<RgbImage>;
  /** Ends what it keeps running or open. */
  close?(): void;
}

export interface ImageOptions {
  augmentation: Augmentation;
  /** Whether a mirror image of the sample still shows the same thing. */
  flippable: (sample: number) => boolean;
  /** Byte value of what a shift uncovers. */
  background: number;
  /** Where images are resampled; in the thread that asks if not given. Closed with the modality. */
  pool?: ResamplePool;
}

/** Images, resampled to the size of `spec` straight from the source, and varied in the same step for training. */
export class ImageModality implements Modality {
  readonly spec: ImageSpec;
  #source: ImageSource;
  #options: ImageOptions;

  constructor(spec: ImageSpec, source: ImageSource, options: ImageOptions) {
    this.spec = spec;
    this.#source = source;
    this.#options = options;
  }

  async batch(samples: Uint32Array, random?: (sample: number) => Random): Promise<ImageBatch> {
    const { height, width } = this.spec;
    // All are asked for before any is waited for: workers decode them side by side.
    const found = await Promise.all(Array.from(samples, async (sample) => await this.#source.image(sample)));
    const images = found.map((image, row) => ({
      image,
      how: this.#resampling(image, samples[row]!, random),
    }));
    const { pool } = this.#options;
    const isWork = images.some(({ image, how }) => !staysAsItIs(image, how, this.spec));
    const pixels = pool && isWork
      ? await pool.resample({ images, height, width })
      : resampleAll({ images, height, width });
    return { kind: "image", pixels, height, width };
  }

  /** What becomes of an image: varied for training, else as a whole. */
  #resampling({ height, width }: RgbImage, sample: number, random?: (sample: number) => Random): Resampling {
    if (random === undefined) return { box: { left: 0, top: 0, right: width, bottom: height } };
    const { augmentation, flippable, background } = this.#options;
    return drawAugmentation(augmentation, random(sample), {
      height,
      width,
      flippable: flippable(sample),
      background,
    });
  }

  close(): void {
    this.#options.pool?.close();
    this.#source.close?.();
  }
}

export interface TextOptions {
  readonly maxTokens: number;
  /** In training, each word is left out with this probability. */
  readonly wordDropout?: number;
  /** In training, words come in any order: for texts that are sets of keywords. */
  readonly shuffleWords?: boolean;
  /** Leave out pieces the tokenizer does not know, rather than have the model read [UNK]. */
  readonly dropUnknown?: boolean;
}

/** Texts as token ids; a text is tokenized when it is first asked for. */
export class TextModality implements Modality {
  readonly spec: TextSpec;
  readonly tokenizer: TextTokenizer;
  #texts: readonly string[];
  #options: TextOptions;
  #words: (readonly (readonly number[])[] | undefined)[] = [];

  constructor(name: string, tokenizer: TextTokenizer, texts: readonly string[], options: TextOptions) {
    const { vocabularySize, padId } = tokenizer;
    this.spec = { name, kind: "text", vocabularySize, maxTokens: options.maxTokens, padId };
    this.tokenizer = tokenizer;
    this.#texts = texts;
    this.#options = options;
  }

  text(sample: number): string {
    return this.#texts[sample]!;
  }

  batch(samples: Uint32Array, random?: (sample: number) => Random): TextBatch {
    const texts = Array.from(samples, (sample) => {
      const words = this.#words[sample] ??= this.#encode(this.#texts[sample]!);
      const varied = random === undefined ? words : this.#vary(words, random(sample));
      return this.tokenizer.enclose(varied.flat(), this.spec.maxTokens);
    });
    return padTexts(texts, this.spec.padId, this.spec.maxTokens);
  }

  /** The ids of each word of a text, with the white space before it; of all words together where none is ever varied. */
  #encode(text: string): number[][] {
    const { wordDropout = 0, shuffleWords = false, dropUnknown = false } = this.#options;
    const isKept = (id: number) => !dropUnknown || id !== this.tokenizer.unknownId;
    const idsOf = (part: string) => this.tokenizer.ids(part).filter(isKept);
    // What is never varied is kept only as far as it is read.
    if (wordDropout === 0 && !shuffleWords) return [idsOf(text).slice(0, this.spec.maxTokens)];
    return (text.match(/\s*\S+/gu) ?? []).map(idsOf);
  }

  #vary(words: readonly (readonly number[])[], random: Random): readonly (readonly number[])[] {
    const { wordDropout = 0, shuffleWords = false } = this.#options;
    const kept = words.filter(() => wordDropout === 0 || random.uniform() >= wordDropout);
    if (shuffleWords) random.shuffle(kept);
    return kept;
  }
}

/** Plain feature vectors, never varied. */
export class FeatureModality implements Modality {
  readonly spec: FeatureSpec;
  #values: Float32Array; // [samples, width]

  /** Throws a `RangeError` where `values` is not a whole number of rows. */
  constructor(name: string, values: Float32Array, width: number) {
    if (values.length % width !== 0) {
      throw new RangeError(`${values.length} values are no whole number of rows of width ${width}`);
    }
    this.spec = { name, kind: "features", width };
    this.#values = values;
  }

  batch(samples: Uint32Array): FeatureBatch {
    const { width } = this.spec;
    const values = new Float32Array(samples.length * width);
    samples.forEach((sample, row) => {
      values.set(this.#values.subarray(sample * width, (sample + 1) * width), row * width);
    });
    return { kind: "features", values, width };
  }
}
