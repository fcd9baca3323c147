/** Gathers the samples that a report shows, each once, however many figures and runs point to it. */
import { encode } from "fast-png";
import type { Split } from "../../data/batch.ts";
import type { Dataset } from "../../data/dataset.ts";
import { TARGETS } from "../../data/targets.ts";
import type { RgbImage } from "../../data/images/image.ts";
import { resample } from "../../data/images/resample.ts";
import { dataUri } from "./markup.ts";

export interface Sample {
  readonly id: string;
  readonly label: string;
  /** The text of the sample, empty where the data set has none. */
  readonly text: string;
  /** A data URI of the image as the model sees it; undefined where there is none. */
  readonly image: string | undefined;
}

const LONGEST_SIDE = 48;
const MOST_CHARACTERS = 300;
const SAMPLES_AT_ONCE = 64;

export class SampleStore {
  readonly all: Sample[] = [];
  /** Numbers of samples by source, then by id. */
  readonly #numbers = new Map<string, Map<string, number>>();

  /** The number of a sample; undefined for one that has not been added. */
  find(source: string, id: string): number | undefined {
    return this.#numbers.get(source)?.get(id);
  }

  /** Adds rows of a split, with their texts and small pictures; `source` names the data, whose ids they are. */
  async add(source: string, data: Dataset, split: Split, rows: Iterable<number>): Promise<void> {
    const numbers = this.#numbers.get(source) ?? new Map<string, number>();
    this.#numbers.set(source, numbers);
    const missing = Array.from(new Set(rows)).filter((row) => !numbers.has(data.id(split, row)));
    for (let start = 0; start < missing.length; start += SAMPLES_AT_ONCE) {
      const batchRows = Uint32Array.from(missing.slice(start, start + SAMPLES_AT_ONCE));
      const { modalities } = await data.batch(split, batchRows);
      const images = Object.values(modalities).find((part) => part.kind === "image");
      let pictures = 0; // those before, as some may lack theirs
      for (const [i, row] of batchRows.entries()) {
        const hasImage = images !== undefined && images.present?.[i] !== 0;
        const text = data.text(split, row);
        numbers.set(data.id(split, row), this.all.length);
        this.all.push({
          id: data.id(split, row),
          label: labelText(data, split, row),
          text: text.length > MOST_CHARACTERS ? `${text.slice(0, MOST_CHARACTERS)}…` : text,
          image: hasImage ? thumbnail(images, pictures++) : undefined,
        });
      }
    }
  }
}

/** What a sample of a data set is to be told, as predictions show it. */
export function labelText(data: Dataset, split: Split, row: number): string {
  const { task = "classification", classes } = data;
  return TARGETS[task].text(data.target?.(split, row) ?? { label: data.label(split, row) }, classes);
}

/** An image of a batch as a PNG, its longer side at most 48 pixels. */
function thumbnail(images: RgbImage, number: number): string {
  const { pixels: data, ...size } = shrunk(images, number, LONGEST_SIDE);
  return dataUri("image/png", new Uint8Array(encode({ ...size, data, channels: 3, depth: 8 })));
}

/** An image of a batch, whose images lie one after the other, with a longer side of at most `longest` pixels. */
export function shrunk({ pixels, height, width }: RgbImage, number: number, longest: number): RgbImage {
  const size = height * width * 3;
  const source = { pixels: pixels.subarray(number * size, (number + 1) * size), height, width };
  const scale = Math.min(1, longest / Math.max(height, width));
  const target = { height: Math.round(height * scale), width: Math.round(width * scale) };
  const data = new Uint8Array(target.height * target.width * 3);
  resample(source, target, { box: { left: 0, top: 0, right: width, bottom: height } }, data, 0);
  return { ...target, pixels: data };
}
