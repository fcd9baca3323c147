/** Turns raw samples, as rows of a table or objects of a request, into batches, with what the run keeps. */
import { reason } from "../../io/file_bytes.ts";
import { PoolClosed } from "../../data/workers/worker_pool.ts";
import { nearest } from "../../base/nearest.ts";
import { UserError } from "../../base/user_error.ts";
import { scaled } from "../../data/fit.ts";
import type { RgbImage } from "../../data/images/image.ts";
import { BadRow } from "../../data/index/index_builder.ts";
import { featuresOf } from "../../data/index/numbers.ts";
import { isEmptyCell } from "../../data/readers/table_format.ts";
import { StoredBytes } from "../../data/stored_bytes.ts";
import { cellCount, cellReading, type ModalityPreprocessing } from "../../data/preprocessing.ts";
import { cleanText } from "../../data/text/clean_text.ts";
import { DecodePool } from "../../data/workers/decode_pool.ts";
import { GrowingBatch, type PreparedSample } from "./growing_batch.ts";

/** The columns of a modality: one of paths, texts or lists of numbers, or several of numbers. */
export type Columns = Readonly<Record<string, string | readonly string[]>>;

export interface InputOptions {
  /** The most pixels of an image that a row holds as bytes. */
  readonly mostPixels?: number;
  /** True where a row may lack modalities, since the run learned from samples that do: its cell is empty, or not there. */
  readonly mayLack?: boolean;
}

export class InputReader {
  readonly #modalities: readonly ModalityPreprocessing[];
  readonly #columns: Columns;
  readonly #find: (path: string) => string;
  readonly #options: InputOptions;
  readonly #pools = new Map<string, DecodePool>();

  /** `find` gives the path of an image as a row names it, or throws a UserError that says why there is none. */
  constructor(
    modalities: readonly ModalityPreprocessing[],
    columns: Columns,
    find: (path: string) => string,
    options: InputOptions = {},
  ) {
    this.#modalities = modalities;
    this.#columns = columns;
    this.#find = find;
    this.#options = options;
    for (const { name, kind, ...rest } of modalities) {
      if (kind === "image" && "preparation" in rest) this.#pools.set(name, new DecodePool(rest.preparation));
    }
  }

  /** Throws a `BadRow` that says what is wrong with a row. */
  async prepare(values: Readonly<Record<string, unknown>>): Promise<PreparedSample> {
    const inputs: Record<string, PreparedSample[string]> = {};
    const images: ModalityPreprocessing[] = [];
    for (const modality of this.#modalities) {
      if (this.#options.mayLack && this.#isEmpty(modality.name, values)) inputs[modality.name] = null;
      else if (modality.kind === "image") images.push(modality);
      else inputs[modality.name] = this.#input(modality, values);
    }
    const names = Object.keys(inputs);
    if (images.length === 0 && names.every((name) => inputs[name] === null)) {
      throw new BadRow("row", `lacks ${names.join(" and ")}: there is nothing to answer from`);
    }
    // Only what waits for a worker gets promises, as all of a sample stays in memory until its batch is made.
    await Promise.all(images.map(async ({ name }) => inputs[name] = await this.#image(name, values)));
    return inputs;
  }

  /** Whether a row has nothing of a modality. */
  #isEmpty(name: string, values: Readonly<Record<string, unknown>>): boolean {
    const column = this.#columns[name] ?? name;
    return [column].flat().every((one) => isEmptyCell(values[one]));
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
      const width = cellCount(modality);
      const isList = width > 1 && numbers.length === 1 && typeof numbers[0] === "string";
      const reading = cellReading(modality);
      const list = isList ? (numbers[0] as string).split(reading.decimal === "," ? ";" : ",") : numbers;
      return scaled([featuresOf(list, width, { reading })], modality);
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
      if (cell instanceof StoredBytes) return await pool.decode(cell);
      if (isPath) return await pool.decode(this.#find(textIn(cell, "image", column)));
      return await pool.decodeBytes(cell as Uint8Array<ArrayBuffer>, this.#options.mostPixels);
    } catch (error) {
      if (isPath && error instanceof UserError) throw new BadRow("image", error.message);
      if (isPath || error instanceof PoolClosed) throw error;
      throw new BadRow("image", `is no image that can be read: ${reason(error)}`);
    }
  }

  /** A batch of so many samples of this reader, which are put into it one by one. */
  grow(size: number): GrowingBatch {
    return new GrowingBatch(this.#modalities, size);
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
