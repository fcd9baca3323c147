/** Batches that take their samples one by one. */
import { release } from "../../base/release.ts";
import type { Batch, ModalityBatch } from "../../data/batch.ts";
import type { RgbImage } from "../../data/images/image.ts";
import type { ModalityPreprocessing } from "../../data/preprocessing.ts";
import { padTexts } from "../../data/text/tokenizer.ts";

/** One sample as a model reads it, by modality: pixels, token ids or scaled numbers; null where it lacks one. */
export type PreparedSample = Readonly<Record<string, RgbImage | Uint32Array | Float32Array | null>>;

/**
 * A batch into which samples are copied as each of them is ready, in any order, so that none of their arrays grows old:
 * what outlives two collections of the young generation is collected with the old one only, which is seldom.
 */
export class GrowingBatch {
  readonly #inputs: readonly (readonly [name: string, input: GrowingInput])[];
  /** The rows that lack a modality, by its name. */
  readonly #lacking = new Map<string, Set<number>>();

  /** Has room for `size` samples. */
  constructor(modalities: readonly ModalityPreprocessing[], size: number) {
    this.#inputs = modalities.map((modality) => [modality.name, growingInput(modality, size)]);
  }

  /** Copies a sample to a row; its pixels are released. */
  put(row: number, sample: PreparedSample): void {
    for (const [name, input] of this.#inputs) {
      const own = sample[name]!;
      if (own !== null) {
        input.put(row, own);
        continue;
      }
      const lacking = this.#lacking.get(name) ?? new Set();
      this.#lacking.set(name, lacking);
      lacking.add(row);
    }
  }

  /** The samples of these rows, in this order; its rows count from 0 and its labels are 0. Nothing can be put afterwards. */
  finish(rows: readonly number[]): Batch {
    const size = rows.length;
    return {
      size,
      rows: Uint32Array.from(rows.keys()),
      labels: new Uint32Array(size),
      modalities: Object.fromEntries(
        this.#inputs.map(([name, input]) => [name, this.#finished(name, input, rows)]),
      ),
    };
  }

  #finished(name: string, input: GrowingInput, rows: readonly number[]): ModalityBatch {
    const lacking = this.#lacking.get(name);
    if (lacking === undefined) return input.finish(rows);
    const present = Uint32Array.from(rows, (row) => Number(!lacking.has(row)));
    return { ...input.finish(rows.filter((row) => !lacking.has(row))), present };
  }
}

interface GrowingInput {
  put(row: number, sample: NonNullable<PreparedSample[string]>): void;
  finish(rows: readonly number[]): ModalityBatch;
}

function growingInput(modality: ModalityPreprocessing, size: number): GrowingInput {
  const { kind } = modality;
  if (kind === "text") {
    const { maxTokens, tokenizer: { padId } } = modality;
    const ids = new Uint32Array(size * maxTokens), lengths = new Uint32Array(size);
    return {
      put(row, sample) {
        const own = sample as Uint32Array;
        ids.set(own, row * maxTokens);
        lengths[row] = own.length;
      },
      finish(rows) {
        const texts = rows.map((row) => ids.subarray(row * maxTokens, row * maxTokens + lengths[row]!));
        const padded = padTexts(texts, padId, maxTokens);
        release(ids);
        return padded;
      },
    };
  }
  if (kind === "features") {
    const width = modality.columns.length;
    const values = new Float32Array(size * width);
    return {
      put: (row, sample) => values.set(sample as Float32Array, row * width),
      finish: (rows) => ({ kind, values: rowsOf(values, width, rows), width }),
    };
  }
  const { height, width } = modality;
  const bytes = height * width * 3;
  const pixels = new Uint8Array(size * bytes);
  return {
    put(row, sample) {
      const image = sample as RgbImage;
      pixels.set(image.pixels, row * bytes);
      release(image.pixels);
    },
    finish: (rows) => ({ kind, pixels: rowsOf(pixels, bytes, rows), height, width }),
  };
}

/** Some rows of a matrix, of which nothing else is used afterwards; the matrix itself where they are all of it. */
function rowsOf<T extends Uint8Array | Float32Array>(all: T, width: number, rows: readonly number[]): T {
  if (rows.length * width === all.length) return all;
  rows.forEach((from, to) => all.copyWithin(to * width, from * width, (from + 1) * width));
  const some = all.slice(0, rows.length * width) as T;
  release(all);
  return some;
}
