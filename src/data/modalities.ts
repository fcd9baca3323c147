/** The ways samples are seen: as images, as texts and as numbers. */
import type { FeatureBatch, ImageBatch, TextBatch } from "./batch.ts";
import { type Augmentation, drawAugmentation } from "./images/augmentation.ts";
import type { FeatureSpec, ImageSpec, Modality, TextSpec } from "./dataset.ts";
import type { RgbImage } from "./images/image.ts";
import type { Random } from "../base/random.ts";
import { resizeLikePillow } from "./images/pillow_resize.ts";
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
    const images = found.map((image, row) =>
      random ? { image, how: this.#variation(image, samples[row]!, random) } : this.#unvaried(image)
    );
    const { pool } = this.#options;
    const isWork = images.some(({ image, how }) =>
      how.operations !== undefined || !staysAsItIs(image, how, this.spec)
    );
    const pixels = pool && isWork
      ? await pool.resample({ images, height, width })
      : resampleAll({ images, height, width });
    return { kind: "image", pixels, height, width };
  }

  /** Resized as Pillow does to the byte, so that whoever reads the image elsewhere sees what the model saw. */
  #unvaried(image: RgbImage): { image: RgbImage; how: Resampling } {
    const { height, width } = this.spec;
    return {
      image: resizeLikePillow(image, height, width, "bilinear"),
      how: { box: { left: 0, top: 0, right: width, bottom: height } },
    };
  }

  #variation({ height, width }: RgbImage, sample: number, random: (sample: number) => Random): Resampling {
    const { augmentation, flippable, background } = this.#options;
    return drawAugmentation(augmentation, random(sample), {
      height,
      width,
      flippable: flippable(sample),
      background,
      target: this.spec,
    });
  }

  close(): void {
    this.#options.pool?.close();
    this.#source.close?.();
  }
}

export interface TextOptions {
  readonly maxTokens: number;
  /** In training, each word, which is what white space parts, is left out with this probability; never all of a text. */
  readonly wordDropout?: number;
  /**
   * In training, each word is read as [UNK] with this probability. A vocabulary made from the training texts knows every
   * piece of them, so that a model would meet [UNK] in evaluation first, not having learned what an unknown word is worth.
   */
  readonly unknownWords?: number;
  /** Texts are sets of keywords: in training these come in any order, and all may be left out. */
  readonly isSet?: boolean;
}

/** Texts as token ids; a text is tokenized when it is first asked for. */
export class TextModality implements Modality {
  readonly spec: TextSpec;
  readonly tokenizer: TextTokenizer;
  #texts: readonly string[];
  #options: TextOptions;
  /** By sample, of what has been asked for: all ids as they are read. */
  readonly #ids: number[][] = [];
  /** The ids of words that training has moved or made unknown, each with the white space before it. */
  readonly #words = new Map<string, readonly number[]>();

  constructor(name: string, tokenizer: TextTokenizer, texts: readonly string[], options: TextOptions) {
    const { vocabularySize, padId, separatorId: endId } = tokenizer;
    this.spec = { name, kind: "text", vocabularySize, maxTokens: options.maxTokens, padId, endId };
    this.tokenizer = tokenizer;
    this.#texts = texts;
    this.#options = options;
  }

  text(sample: number): string {
    return this.#texts[sample]!;
  }

  batch(samples: Uint32Array, random?: (sample: number) => Random): TextBatch {
    const texts = Array.from(samples, (sample) => {
      const ids = random && this.#isVaried ? this.#vary(sample, random(sample)) : this.#read(sample);
      return this.tokenizer.enclose(ids, this.spec.maxTokens);
    });
    return padTexts(texts, this.spec.padId, this.spec.maxTokens);
  }

  get #isVaried(): boolean {
    const { wordDropout = 0, unknownWords = 0, isSet = false } = this.#options;
    return wordDropout > 0 || unknownWords > 0 || isSet;
  }

  /** The text as any tokenizer of its kind reads it, as far as the model does. */
  #read(sample: number): readonly number[] {
    return this.#ids[sample] ??= this.tokenizer.ids(this.#texts[sample]!).slice(0, this.spec.maxTokens);
  }

  /** Some of its words, perhaps in another order, or unknown. */
  #vary(sample: number, random: Random): readonly number[] {
    const { wordDropout = 0, unknownWords = 0, isSet = false } = this.#options;
    const words = this.#texts[sample]!.match(/\s*\S+/gu) ?? [];
    let kept = words.filter(() => wordDropout === 0 || random.uniform() >= wordDropout);
    if (isSet) {
      random.shuffle(kept);
    } else if (kept.length === 0) {
      const one = Math.floor(random.uniform() * words.length);
      kept = words.slice(one, one + 1);
    }
    if (!isSet && unknownWords === 0) {
      // Tokens may reach over words, and white space be part of them: what is left is read as a text of its own.
      const text = kept.join("");
      return this.tokenizer.ids(kept[0] === words[0] ? text : text.trimStart());
    }
    return kept.flatMap((word) =>
      unknownWords > 0 && random.uniform() < unknownWords ? this.tokenizer.unknownId : this.#idsOf(word)
    );
  }

  #idsOf(word: string): readonly number[] {
    let ids = this.#words.get(word);
    if (ids === undefined) this.#words.set(word, ids = this.tokenizer.ids(word));
    return ids;
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
