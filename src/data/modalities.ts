import type { FeatureBatch, ImageBatch, TextBatch } from "./batch.ts";
import { type Augmentation, drawAugmentation } from "./augmentation.ts";
import type { FeatureSpec, ImageSpec, Modality, TextSpec } from "./data_set.ts";
import type { RgbImage } from "./image.ts";
import type { Random } from "./random.ts";
import { resample } from "./resample.ts";
import { padTexts, type TextTokenizer } from "./tokenizer.ts";

/** Where decoded images come from: memory, a cache on disk, or workers that decode. */
export interface ImageSource {
  image(sample: number): RgbImage | Promise<RgbImage>;
}

export interface ImageOptions {
  augmentation: Augmentation;
  /** Whether a mirror image of the sample still shows the same thing. */
  flippable: (sample: number) => boolean;
  /** Byte value of what a shift uncovers. */
  background: number;
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
    const pixels = new Uint8Array(samples.length * height * width * 3);
    for (const [row, sample] of samples.entries()) {
      const image = await this.#source.image(sample);
      const how = random === undefined
        ? { box: { left: 0, top: 0, right: image.width, bottom: image.height } }
        : drawAugmentation(this.#options.augmentation, random(sample), {
          height: image.height,
          width: image.width,
          flippable: this.#options.flippable(sample),
          background: this.#options.background,
        });
      resample(image, this.spec, how, pixels, row * height * width * 3);
    }
    return { kind: "image", pixels, height, width };
  }
}

/** Texts as token ids; a text is tokenized when it is first asked for. */
export class TextModality implements Modality {
  readonly spec: TextSpec;
  readonly tokenizer: TextTokenizer;
  #texts: readonly string[];
  #wordDropout: number;
  #encoded: (Uint32Array | undefined)[] = [];

  /** `wordDropout` is the probability with which training replaces a token by [UNK], so that [UNK] is learned too. */
  constructor(
    name: string,
    tokenizer: TextTokenizer,
    texts: readonly string[],
    { maxTokens, wordDropout = 0 }: { maxTokens: number; wordDropout?: number },
  ) {
    const { vocabularySize, padId } = tokenizer;
    this.spec = { name, kind: "text", vocabularySize, maxTokens, padId };
    this.tokenizer = tokenizer;
    this.#texts = texts;
    this.#wordDropout = wordDropout;
  }

  text(sample: number): string {
    return this.#texts[sample]!;
  }

  batch(samples: Uint32Array, random?: (sample: number) => Random): TextBatch {
    const texts = Array.from(samples, (sample) => {
      const ids = this.#encoded[sample] ??= this.tokenizer.encode(this.#texts[sample]!, this.spec.maxTokens);
      return random === undefined ? ids : this.#vary(ids, random(sample));
    });
    return padTexts(texts, this.spec.padId, this.spec.maxTokens);
  }

  #vary(ids: Uint32Array, random: Random): Uint32Array {
    if (this.#wordDropout === 0) return ids;
    const isInner = (position: number) => position > 0 && position < ids.length - 1;
    return ids.map((id, at) =>
      isInner(at) && random.uniform() < this.#wordDropout ? this.tokenizer.unknownId : id
    );
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
