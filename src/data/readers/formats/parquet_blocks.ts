/** Files in the cells of a Parquet column, read a block of rows at a time when one of them is wanted. */
import { basename } from "node:path";
import { type AsyncBuffer, type FileMetaData, parquetReadObjects } from "hyparquet";
import { UserError } from "../../../base/user_error.ts";
import { CheckedParquet, faultOf } from "./parquet_pages.ts";

/** Bytes of a block, about: pages of a column are of that size as a rule, and are decompressed whole. */
const BLOCK = 1 << 20;
/** Bytes of blocks that are kept, of all files together: images that are wanted in their order are then read once. */
const KEPT = 16 << 20;

/** A cell: the bytes in it, or the path of a file elsewhere; both may be missing. */
interface Held {
  readonly bytes: Uint8Array | undefined;
  readonly path: string | undefined;
}

/** A row group, as far as one column goes. */
interface Group {
  readonly start: number;
  readonly rows: number;
  readonly size: number;
  /** Rows of a block; all of them where no index of pages finds rows within the group. */
  readonly blockRows: number;
  /** Whether it is known that no cell is empty. */
  readonly isFull: boolean;
}

/** The blocks that are kept, the one used last at the end. */
const kept = new Map<string, { readonly cells: Promise<Held[]>; readonly size: number }>();
let keptBytes = 0;
let columns = 0;
/** Ends when the block that was asked for last is there: they are read one after the other, or all would be in memory. */
let turn: Promise<unknown> = Promise.resolve();

export class ParquetBlocks {
  readonly #path: string;
  readonly #pages: CheckedParquet;
  readonly #column: string;
  readonly #groups: readonly Group[];
  readonly #number = ++columns;

  /** `leaf` is the path of the bytes in the schema: a column, or `bytes` within one. */
  constructor(
    path: string,
    file: AsyncBuffer,
    metadata: FileMetaData,
    leaf: readonly string[],
    blockBytes = BLOCK,
  ) {
    this.#path = path;
    this.#pages = new CheckedParquet(file, metadata);
    this.#column = leaf[0]!;
    let start = 0;
    this.#groups = metadata.row_groups.map((group): Group => {
      const chunk = group.columns.find(({ meta_data }) => meta_data?.path_in_schema.join() === leaf.join());
      const rows = Number(group.num_rows);
      const size = Number(chunk?.meta_data?.total_uncompressed_size ?? 0);
      const isIndexed = chunk?.offset_index_offset !== undefined;
      const blockRows = isIndexed
        ? Math.min(rows, Math.max(1, Math.round(blockBytes * rows / Math.max(1, size))))
        : rows;
      const isFull = Number(chunk?.meta_data?.statistics?.null_count ?? -1) === 0;
      const own = { start, rows, size, blockRows, isFull };
      start += rows;
      return own;
    });
  }

  /** The most bytes that are decompressed for one image. */
  get largestBlock(): number {
    return Math.max(
      0,
      ...this.#groups.map(({ size, rows, blockRows }) => size * blockRows / Math.max(1, rows)),
    );
  }

  /** The rows from `start` to `end` without bytes, with the path that stands in their place, if any. */
  async absent(start: number, end: number): Promise<Map<number, string | undefined>> {
    const found = new Map<number, string | undefined>();
    for (const group of this.#groups) {
      if (group.isFull) continue;
      const last = Math.min(end, group.start + group.rows);
      for (let row = Math.max(start, group.start); row < last; row++) {
        const { bytes, path } = await this.#cell(row, group);
        if (bytes === undefined) found.set(row, path);
      }
    }
    return found;
  }

  /** The bytes of a row. Rejects with a UserError where they cannot be read any more. */
  async bytes(row: number): Promise<Uint8Array<ArrayBuffer>> {
    const { bytes } = await this.#cell(row, this.#groupOf(row));
    if (bytes === undefined) throw new UserError(`${basename(this.#path)}, row ${row + 1} holds no image`);
    return bytes.slice();
  }

  /** Names the block that a row is read with. */
  blockOf(row: number): string {
    return this.#keyOf(startOfBlock(row, this.#groupOf(row)));
  }

  async #cell(row: number, group: Group): Promise<Held> {
    const start = startOfBlock(row, group);
    const end = Math.min(start + group.blockRows, group.start + group.rows);
    const size = group.size * (end - start) / group.rows;
    const key = this.#keyOf(start);
    const cells = kept.get(key)?.cells ?? inTurn(() => this.#read(start, end));
    keep(key, cells, size);
    return (await cells)[row - start]!;
  }

  /** By halving what is left: every row of a file is asked for while it is listed. */
  #groupOf(row: number): Group {
    let [first, last] = [0, this.#groups.length - 1];
    while (first < last) {
      const middle = (first + last) >> 1;
      const { start, rows } = this.#groups[middle]!;
      if (row < start + rows) last = middle;
      else first = middle + 1;
    }
    return this.#groups[first]!;
  }

  #keyOf(start: number): string {
    return `${this.#number} ${start}`;
  }

  async #read(rowStart: number, rowEnd: number): Promise<Held[]> {
    const column = this.#column;
    try {
      const rows = await parquetReadObjects({
        ...this.#pages.reading(),
        columns: [column],
        rowStart,
        rowEnd,
        useOffsetIndex: true,
        utf8: false,
      });
      if (rows.length !== rowEnd - rowStart) throw new Error(`there are only ${rows.length}`);
      return rows.map((row) => heldIn(row[column]));
    } catch (error) {
      if (error instanceof UserError) throw error;
      throw new UserError(
        `Cannot read "${column}" of ${this.#path}, rows ${rowStart + 1} to ${rowEnd}: ${faultOf(error)}`,
      );
    }
  }
}

/** The first row of the block that a row of a group lies in. */
function startOfBlock(row: number, { start, blockRows }: Group): number {
  return row - (row - start) % blockRows;
}

/** What a cell holds: bytes themselves, or a struct of bytes and a path. */
function heldIn(cell: unknown): Held {
  const { bytes, path }: Record<string, unknown> = cell instanceof Uint8Array
    ? { bytes: cell }
    : { ...cell as object };
  return {
    bytes: bytes instanceof Uint8Array && bytes.length > 0 ? bytes : undefined,
    path: typeof path === "string" && path !== "" ? path : undefined,
  };
}

/** Reads a block when those that were asked for before are there. */
function inTurn(read: () => Promise<Held[]>): Promise<Held[]> {
  const cells = turn.then(read);
  turn = cells.catch(() => {}); // told to who asked for it
  return cells;
}

/** Marks a block as used now, and lets go of those that were not used for longest. */
function keep(key: string, cells: Promise<Held[]>, size: number): void {
  if (kept.delete(key)) keptBytes -= size;
  for (const [oldest, { size: bytes }] of kept) {
    if (keptBytes + size <= KEPT) break;
    kept.delete(oldest);
    keptBytes -= bytes;
  }
  kept.set(key, { cells, size });
  keptBytes += size;
}
