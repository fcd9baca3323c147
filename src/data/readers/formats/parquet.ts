/**
 * Parquet files. Images are not read with the rows but when they are wanted: bytes in a column, or in a struct of `bytes`
 * and `path`, as the data sets of Hugging Face have them, whose class names are taken for the numbers of their labels.
 */
import { basename } from "node:path";
import {
  type AsyncBuffer,
  type FileMetaData,
  parquetMetadataAsync,
  parquetReadObjects,
  parquetSchema,
} from "hyparquet";
import { UserError } from "../../../base/user_error.ts";
import { openRegularFile, readRange } from "../../../io/file_bytes.ts";
import { isJsonObject } from "../../../io/strict_json.ts";
import { cleanName } from "../../index/names.ts";
import { StoredBytes } from "../../stored_bytes.ts";
import type { OpenFormat, OpenTable, StreamedRow, TableReading } from "../table_format.ts";
import { ParquetBlocks } from "./parquet_blocks.ts";
import { CheckedParquet, checkRowCounts, faultOf } from "./parquet_pages.ts";

/** More bytes than this decompressed for one image are worth a warning: they are what each of them costs out of order. */
const LARGE_BLOCK = 64 << 20;

/** Bytes that describe a file; of thousands of row groups they are some megabytes. */
const MOST_METADATA = 256 << 20;

/** A column of the file. */
interface Column {
  /** As the file has it, and by `cleanName`. */
  readonly name: string;
  readonly clean: string;
  /** Where it holds files: the path of its leaf of bytes. */
  readonly bytes?: readonly string[];
  /** The names of classes, where it holds their numbers. */
  readonly classes?: readonly string[];
}

export const openParquet: OpenFormat = async (path, reading) => {
  const file = parquetFile(path);
  try {
    return opened(path, file, await parquetMetadataAsync(metadataOf(file)), reading);
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(`Cannot read ${path}: it is no Parquet file, or is cut off (${faultOf(error)})`);
  }
};

function opened(
  path: string,
  file: ReturnType<typeof parquetFile>,
  metadata: FileMetaData,
  reading: TableReading,
): OpenTable {
  checkRowCounts(metadata, file.byteLength);
  const columns = columnsOf(metadata, reading);
  const used = columns.filter(({ clean }) => reading.used?.has(clean) !== false);
  const pages = new CheckedParquet(file, metadata);
  const held = used.flatMap(({ clean, bytes }) =>
    bytes === undefined ? [] : [{ clean, blocks: new ParquetBlocks(path, file, metadata, bytes) }]
  );
  return {
    columns: columns.map(({ clean }) => clean),
    warnings: [
      ...used.flatMap(({ clean, classes }) =>
        classes === undefined ? [] : [
          `the numbers of "${clean}" stand for the names of classes that the file has: ${
            classes.slice(0, 3).join(", ")
          }${classes.length > 3 ? ", …" : ""}`,
        ]
      ),
      ...held.filter(({ blocks }) => blocks.largestBlock > LARGE_BLOCK).map(({ clean, blocks }) =>
        `each image of "${clean}" that is read by itself costs ${
          Math.round(blocks.largestBlock / 2 ** 20)
        } MiB of ${basename(path)}: write it with an index of pages, or in smaller row groups`
      ),
    ],
    rows: rowsOf(path, pages, metadata, used, held),
  };
}

/** A file as the library reads it: a range of bytes at a time, and open no longer than that. */
function parquetFile(path: string) {
  using file = openRegularFile(path);
  const { size: byteLength } = file.statSync();
  return {
    byteLength,
    slice: (start: number, end = byteLength): ArrayBuffer => readRange(path, start, end - start).buffer,
  };
}

/** The same file, of which no more is read at once than metadata are long. */
function metadataOf({ byteLength, slice }: ReturnType<typeof parquetFile>): AsyncBuffer {
  return {
    byteLength,
    slice: (start, end = byteLength) => {
      if (end - start > MOST_METADATA) throw new Error(`its metadata are of ${end - start} bytes`);
      return slice(start, end);
    },
  };
}

function columnsOf(metadata: FileMetaData, { images }: TableReading): Column[] {
  const labels = classNames(metadata);
  return parquetSchema(metadata).children.map(({ element, children }): Column => {
    const { name } = element;
    const clean = cleanName(name);
    const classes = labels.get(name);
    const inner = children.find(({ element }) => element.name === "bytes" && element.type === "BYTE_ARRAY");
    const isText = element.converted_type !== undefined || element.logical_type !== undefined;
    const bytes = inner !== undefined
      ? [name, "bytes"]
      : element.type === "BYTE_ARRAY" && !isText && images?.has(clean)
      ? [name]
      : undefined;
    return { name, clean, ...(bytes && { bytes }), ...(classes && { classes }) };
  });
}

/** The names of classes by column, which Hugging Face's `datasets` write into the file. */
function classNames({ key_value_metadata: pairs = [] }: FileMetaData): Map<string, string[]> {
  const names = new Map<string, string[]>();
  const written = pairs.find(({ key }) => key === "huggingface")?.value;
  if (written === undefined) return names;
  try {
    const { info: { features } } = JSON.parse(written);
    for (const [column, feature] of Object.entries<unknown>(features)) {
      if (!isJsonObject(feature) || feature._type !== "ClassLabel" || !Array.isArray(feature.names)) continue;
      names.set(column, feature.names.map(String));
    }
  } catch {
    // What is written there is something else.
  }
  return names;
}

async function* rowsOf(
  path: string,
  pages: CheckedParquet,
  metadata: FileMetaData,
  columns: readonly Column[],
  held: readonly { readonly clean: string; readonly blocks: ParquetBlocks }[],
): AsyncGenerator<StreamedRow> {
  const plain = columns.filter(({ bytes }) => bytes === undefined);
  let rowStart = 0;
  for (const group of metadata.row_groups) {
    const rowEnd = rowStart + Number(group.num_rows);
    const rows = await readRows(path, {
      ...pages.reading(),
      columns: plain.map(({ name }) => name),
      rowStart,
      rowEnd,
    });
    const absent = await Promise.all(held.map(({ blocks }) => blocks.absent(rowStart, rowEnd)));
    for (let row = rowStart; row < rowEnd; row++) {
      const own = rows[row - rowStart];
      const values: Record<string, unknown> = {};
      for (const column of columns) {
        const at = held.findIndex(({ clean }) => clean === column.clean);
        values[column.clean] = at < 0
          ? cellIn(own?.[column.name], column)
          : absent[at]!.has(row)
          ? absent[at]!.get(row) ?? ""
          : storedIn(held[at]!.blocks, path, row);
      }
      yield { line: row + 1, values };
    }
    rowStart = rowEnd;
  }
}

function storedIn(blocks: ParquetBlocks, path: string, row: number): StoredBytes {
  const name = `${basename(path)}, row ${row + 1}`;
  return new StoredBytes(path, name, () => blocks.bytes(row), blocks.blockOf(row));
}

async function readRows(
  path: string,
  options: Omit<Parameters<typeof parquetReadObjects>[0], "compressors"> & {
    readonly metadata: FileMetaData;
  },
): Promise<Record<string, unknown>[]> {
  if (options.columns?.length === 0) return [];
  const { rowStart = 0, rowEnd = 0 } = options;
  try {
    const rows = await parquetReadObjects(options);
    if (rows.length === rowEnd - rowStart) return rows;
    throw new Error(`there are only ${rows.length}`);
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(`Cannot read ${path}, rows ${rowStart + 1} to ${rowEnd}: ${faultOf(error)}`);
  }
}

/** A cell as those of other tables are: a text, a number, a truth value, a list, or null. */
function cellIn(value: unknown, { classes }: Partial<Column> = {}): unknown {
  if (value === undefined || value === null) return null;
  if (typeof value === "bigint") {
    const number = Number(value);
    return cellIn(Number.isSafeInteger(number) ? number : String(value), { ...(classes && { classes }) });
  }
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (ArrayBuffer.isView(value) || Array.isArray(value)) {
    return Array.from(value as ArrayLike<unknown>, (one) => cellIn(one));
  }
  if (classes === undefined || typeof value !== "number") return value;
  return value === -1 ? null : classes[value] ?? value; // -1 stands for no label
}
