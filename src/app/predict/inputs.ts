/** Turns raw samples, as rows of a table or objects of a request, into batches, with what the run keeps. */
import { release } from "../../base/release.ts";
import { reason } from "../../io/file_bytes.ts";
import { PoolClosed } from "../../data/workers/worker_pool.ts";
import { nearest } from "../../base/nearest.ts";
import { UserError } from "../../base/user_error.ts";
import type { Batch, ModalityBatch } from "../../data/batch.ts";
import { scaled } from "../../data/fit.ts";
import type { RgbImage } from "../../data/images/image.ts";
import { BadRow } from "../../data/index/index_builder.ts";
import { featuresOf } from "../../data/index/numbers.ts";
import type { ModalityPreprocessing } from "../../data/preprocessing.ts";
import { cleanText } from "../../data/text/clean_text.ts";
import { padTexts } from "../../data/text/tokenizer.ts";
import { DecodePool } from "../../data/workers/decode_pool.ts";

/** The columns of a modality: one of paths, texts or lists of numbers, or several of numbers. */
export type Columns = Readonly<Record<string, string | readonly string[]>>;

/** One sample as a model reads it, by modality: pixels, token ids or scaled numbers. */
export type PreparedSample = Readonly<Record<string, RgbImage | Uint32Array | Float32Array>>;

export class InputReader {
  readonly #modalities: readonly ModalityPreprocessing[];
  readonly #columns: Columns;
  readonly #find: (path: string) => string;
  readonly #mostPixels: number | undefined;
  readonly #pools = new Map<string, DecodePool>();

  /** `mostPixels` bounds images that rows hold as bytes. `find` gives the path of an image as a row names it, or throws a UserError that says why there is none. */
  constructor(
    modalities: readonly ModalityPreprocessing[],
    columns: Columns,
    find: (path: string) => string,
    mostPixels?: number,
  ) {
    this.#modalities = modalities;
    this.#columns = columns;
    this.#find = find;
    this.#mostPixels = mostPixels;
    for (const { name, kind, ...rest } of modalities) {
      if (kind === "image" && "preparation" in rest) this.#pools.set(name, new DecodePool(rest.preparation));
    }
  }

  /** Throws a `BadRow` that says what is wrong with a row. */
  async prepare(values: Readonly<Record<string, unknown>>): Promise<PreparedSample> {
    const inputs: Record<string, PreparedSample[string]> = {};
    const images: ModalityPreprocessing[] = [];
    for (const modality of this.#modalities) {
      if (modality.kind === "image") images.push(modality);
      else inputs[modality.name] = this.#input(modality, values);
    }
    // Only what waits for a worker gets promises, as all of a sample stays in memory until its batch is made.
    await Promise.all(images.map(async ({ name }) => inputs[name] = await this.#image(name, values)));
    return inputs;
  }

  #input(
    modality: Exclude<ModalityPreprocessing, { kind: "image" }>,
    values: Readonly<Record<string, unknown>>,
  ): Uint32Array | Float32Array {
    const { name, kind } = modality;
    const column = this.#columns[name] ?? name;
    const cells = [column].flat().map((one) => cellOf(values, one, name));
    if (kind === "features") {
      const numbers = typeof column === "string" ? cells.flat() : cells;
      const list = numbers.length === 1 && typeof numbers[0] === "string" ? numbers[0].split(",") : numbers;
      return scaled([featuresOf(list, modality.columns.length)], modality);
    }
    const cell = textIn(cells[0], kind, column);
    const text = modality.isCleaned ? cleanText(cell) : cell;
    const { tokenizer, maxTokens } = modality;
    return tokenizer.enclose(tokenizer.ids(text).slice(0, maxTokens), maxTokens);
  }

  async #image(name: string, values: Readonly<Record<string, unknown>>): Promise<RgbImage> {
    const column = this.#columns[name] ?? name;
    const cell = [column].flat().map((one) => cellOf(values, one, name))[0];
    const pool = this.#pools.get(name)!;
    const isPath = !(cell instanceof Uint8Array);
    try {
      if (isPath) return await pool.decode(this.#find(textIn(cell, "image", column)));
      return await pool.decodeBytes(cell as Uint8Array<ArrayBuffer>, this.#mostPixels);
    } catch (error) {
      if (isPath && error instanceof UserError) throw new BadRow("image", error.message);
      if (isPath || error instanceof PoolClosed) throw error;
      throw new BadRow("image", `is no image that can be read: ${reason(error)}`);
    }
  }

  /**
   * Samples as one batch; its rows count from 0 and its labels are 0. The pixels of the samples are in it and released:
   * a sample is in one batch only.
   */
  batch(samples: readonly PreparedSample[]): Batch {
    const size = samples.length;
    const modalities = this.#modalities.map((modality): [string, ModalityBatch] => {
      const own = samples.map((sample) => sample[modality.name]!);
      return [modality.name, joined(modality, own)];
    });
    const rows = Uint32Array.from({ length: size }, (_, row) => row);
    return { size, rows, labels: new Uint32Array(size), modalities: Object.fromEntries(modalities) };
  }

  close(): void {
    for (const pool of this.#pools.values()) pool.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function cellOf(values: Readonly<Record<string, unknown>>, column: string, modality: string): unknown {
  if (Object.hasOwn(values, column) && values[column] !== undefined) return values[column];
  const names = Object.keys(values);
  const meant = nearest(column, names);
  const hint = meant === undefined ? "" : ` (did you mean "${meant}"?)`;
  throw new BadRow(
    "row",
    `has no "${column}" for the modality "${modality}"${hint}; it has ${names.join(", ") || "nothing"}`,
  );
}

/** Throws a BadRow for a cell that is none of text. */
function textIn(cell: unknown, kind: "image" | "text", column: string | readonly string[]): string {
  if (typeof cell === "string" || typeof cell === "number") return String(cell);
  throw new BadRow(kind, `"${column}" must be a text, got ${JSON.stringify(cell)}`);
}

function joined(modality: ModalityPreprocessing, samples: readonly PreparedSample[string][]): ModalityBatch {
  const { kind } = modality;
  if (kind === "text") {
    return padTexts(samples as Uint32Array[], modality.tokenizer.padId, modality.maxTokens);
  }
  if (kind === "features") {
    const width = modality.columns.length;
    const values = new Float32Array(samples.length * width);
    samples.forEach((sample, row) => values.set(sample as Float32Array, row * width));
    return { kind, values, width };
  }
  const { height, width } = modality;
  const pixels = new Uint8Array(samples.length * height * width * 3);
  for (const [row, sample] of samples.entries()) {
    const image = sample as RgbImage;
    pixels.set(image.pixels, row * height * width * 3);
    release(image.pixels);
  }
  return { kind, pixels, height, width };
}
