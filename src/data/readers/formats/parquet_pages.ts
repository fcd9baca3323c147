/**
 * Looks at the pages of Parquet files before the library reads them, which takes their counts as they are: a page of a few bytes
 * that says it repeats a value two thousand million times, or that its size is below 0, would be read until memory or patience
 * end. The format is that of https://parquet.apache.org/docs/file-format/.
 */
import { crc32 } from "node:zlib";
import { type AsyncBuffer, type Compressors, type FileMetaData, parquetSchema } from "hyparquet";
import { parquetHeader } from "hyparquet/src/column.js";
import { getMaxDefinitionLevel, getMaxRepetitionLevel, getTreePath } from "hyparquet/src/schema.js";
import { compressors, decompressZstd } from "hyparquet-compressors";
import { reason } from "../../../io/file_bytes.ts";

type PageHeader = ReturnType<typeof parquetHeader>;
type Decompress = NonNullable<Compressors[keyof Compressors]>;

/** Bytes of a page when it is unpacked: as many as a picture or a text may have, and more than writers put into one. */
const MOST_PAGE = 512 << 20;
/** Values of a row group, where the file has fewer bytes. Runs say in a few bytes how often a value is repeated. */
const FEWEST_VALUES = 1 << 20;
/** Runs may be filled up beyond the last value. */
const MOST_BEYOND = 1 << 16;
const DICTIONARY = /^(?:PLAIN|RLE)_DICTIONARY$/;

const ALL: Compressors = {
  ...compressors,
  ZSTD: (bytes, size) => decompressZstd(bytes, new Uint8Array(size)), // by itself it makes room for what the bytes say
};

/** A column of a row group, as far as its pages are concerned. */
interface Chunk {
  readonly start: number;
  readonly end: number;
  readonly decompress: Decompress | undefined;
  readonly isBoolean: boolean;
  /** The bits of the levels that say where lists begin and what is missing; 0 where there are none. */
  readonly repetitionBits: number;
  readonly definitionBits: number;
}

/** Throws an Error where a file claims more rows than can be. */
export function checkRowCounts({ row_groups }: FileMetaData, fileBytes: number): void {
  const most = mostValues(fileBytes);
  const rows = row_groups.reduce((sum, { num_rows }) => num_rows < 0 ? NaN : sum + Number(num_rows), 0);
  if (!(rows <= most)) throw new Error(`it claims ${rows} rows in ${fileBytes} bytes`);
}

/** A file that is read by pages which are looked at first. */
export class CheckedParquet {
  readonly #file: AsyncBuffer;
  readonly #metadata: FileMetaData;
  readonly #chunks: readonly Chunk[];

  constructor(file: AsyncBuffer, metadata: FileMetaData) {
    this.#file = file;
    this.#metadata = metadata;
    this.#chunks = chunksOf(metadata);
  }

  /** How the library reads once. What it reads rejects with an Error that says what is wrong with a page. */
  reading(): {
    readonly file: AsyncBuffer;
    readonly metadata: FileMetaData;
    readonly compressors: Compressors;
  } {
    // What was unpacked to be looked at need not be unpacked again.
    const unpacked = new Map<string, Uint8Array>();
    const keyOf = (bytes: Uint8Array, size: number) => `${bytes.length} ${size} ${crc32(bytes)}`;
    const { byteLength } = this.#file;
    const slice = async (start: number, end = byteLength) => {
      const buffer = await this.#file.slice(start, end);
      const read = this.#chunks.filter((chunk) => chunk.start < end && start < chunk.end);
      if (read.length > 0 && !read.some((chunk) => chunk.start <= start)) {
        throw new Error("a page lies in no column");
      }
      for (const chunk of read) {
        const from = Math.max(0, chunk.start - start), to = Math.min(end, chunk.end) - start;
        checkPages(new Uint8Array(buffer, from, to - from), chunk, mostValues(byteLength), (bytes, size) => {
          const page = chunk.decompress!(bytes, size);
          if (page.length !== size) throw new Error("a page is not of the size that it says");
          unpacked.set(keyOf(bytes, size), page);
          return page;
        });
      }
      return buffer;
    };
    const looked = (bytes: Uint8Array, size: number) => {
      const key = keyOf(bytes, size), page = unpacked.get(key);
      if (page === undefined) throw new Error("a page lies where none was expected");
      return page;
    };
    return {
      file: { byteLength, slice },
      metadata: this.#metadata,
      compressors: Object.fromEntries(Object.keys(ALL).map((codec) => [codec, looked])),
    };
  }
}

/** What is wrong with a file, by what was thrown where it was read: the library takes for granted that its parts are there. */
export function faultOf(error: unknown): string {
  return error instanceof TypeError || error instanceof RangeError ? "it is damaged" : reason(error);
}

function mostValues(fileBytes: number): number {
  return Math.max(FEWEST_VALUES, fileBytes);
}

function chunksOf(metadata: FileMetaData): Chunk[] {
  const schema = parquetSchema(metadata);
  return metadata.row_groups.flatMap(({ columns }) =>
    columns.flatMap(({ meta_data: meta }): Chunk[] => {
      if (meta === undefined) return [];
      const path = getTreePath(schema, meta.path_in_schema);
      const start = Number(meta.dictionary_page_offset || meta.data_page_offset);
      return [{
        start,
        end: start + Number(meta.total_compressed_size),
        decompress: ALL[meta.codec],
        isBoolean: meta.type === "BOOLEAN",
        repetitionBits: bitsOf(getMaxRepetitionLevel(path)),
        definitionBits: bitsOf(getMaxDefinitionLevel(path)),
      }];
    })
  );
}

function bitsOf(value: number): number {
  return 32 - Math.clz32(value);
}

/** Throws an Error where the library could not read these pages in bounded time and memory. */
function checkPages(bytes: Uint8Array, chunk: Chunk, most: number, decompress: Decompress): void {
  const reader = { view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), offset: 0 };
  let values = 0;
  while (reader.offset < bytes.length - 1) {
    const header = headerAt(reader);
    const { compressed_page_size: packedSize, uncompressed_page_size: size } = header;
    const from = reader.offset;
    if (packedSize > bytes.length - from) {
      throw new Error("a page reaches beyond its column");
    }
    if (size > MOST_PAGE) {
      throw new Error(`a page of ${size} bytes is over the limit of ${MOST_PAGE}`);
    }
    reader.offset += packedSize;
    const count = header.dictionary_page_header?.num_values ?? header.data_page_header_v2?.num_values ??
      header.data_page_header?.num_values ?? 0;
    values += count;
    if (!(count >= 0 && values <= most)) throw new Error(`pages claim ${values} values`);
    const packed = bytes.subarray(from, reader.offset);
    const unpack = (part: Uint8Array, size: number) =>
      chunk.decompress === undefined || size === 0 ? part : decompress(part, size);
    if (header.type === "DATA_PAGE_V2") checkPageV2(packed, header, chunk, unpack);
    else checkPage(unpack(packed, size), header, chunk);
  }
}

function headerAt(reader: { view: DataView<ArrayBufferLike>; offset: number }): PageHeader {
  try {
    const header = parquetHeader(reader as Parameters<typeof parquetHeader>[0]);
    const { type, compressed_page_size: packedSize, uncompressed_page_size: size } = header;
    if (type !== undefined && packedSize >= 0 && size >= 0) return header;
  } catch {
    // It ends too early, or has what no header has.
  }
  throw new Error("the header of a page is damaged");
}

function checkPage(page: Uint8Array, { data_page_header: header }: PageHeader, chunk: Chunk): void {
  if (header === undefined) return; // a dictionary, whose values are of its bytes
  let at = 0;
  for (const bits of [chunk.repetitionBits, chunk.definitionBits]) {
    if (bits > 0) at = checkMeasuredRuns(page, at, bits, header.num_values);
  }
  checkValues(page.subarray(at), header.encoding, header.num_values, chunk);
}

function checkPageV2(
  packed: Uint8Array,
  { data_page_header_v2: header, uncompressed_page_size: size }: PageHeader,
  chunk: Chunk,
  unpack: Decompress,
): void {
  if (header === undefined) throw new Error("the header of a page is damaged");
  const { num_values: count, num_nulls: nulls, is_compressed: isPacked } = header;
  const { repetition_levels_byte_length: repetition, definition_levels_byte_length: definition } = header;
  const levels = repetition + definition;
  if (
    !(repetition >= 0 && definition >= 0 && levels <= Math.min(packed.length, size) && nulls >= 0 &&
      nulls <= count)
  ) {
    throw new Error("the levels of a page reach beyond it");
  }
  if (chunk.repetitionBits > 0) checkRuns(packed.subarray(0, repetition), chunk.repetitionBits, count);
  if (chunk.definitionBits > 0) checkRuns(packed.subarray(repetition, levels), chunk.definitionBits, count);
  const rest = packed.subarray(levels);
  const page = isPacked !== false && size > levels ? unpack(rest, size - levels) : rest;
  checkValues(page, header.encoding, count, chunk);
}

function checkValues(values: Uint8Array, encoding: string, count: number, { isBoolean }: Chunk): void {
  if (encoding === "RLE") checkMeasuredRuns(values, 0, 1, count);
  else if (DICTIONARY.test(encoding) && values.length > 0) {
    if (isBoolean || values[0]! > 32) throw new Error("a page refers to its dictionary by too many bits");
    checkRuns(values.subarray(1), values[0]!, count);
  }
}

/** Runs after the four bytes of their length; gives where they end. */
function checkMeasuredRuns(page: Uint8Array, at: number, bits: number, count: number): number {
  const view = new DataView(page.buffer, page.byteOffset, page.byteLength);
  const end = at + 4 > page.length ? Infinity : at + 4 + view.getUint32(at, true);
  if (end > page.length) throw new Error("the levels of a page reach beyond it");
  checkRuns(page.subarray(at + 4, end), bits, count);
  return end;
}

/** Runs of a repeated value, or of values of so many bits each, for `count` values at most. */
function checkRuns(runs: Uint8Array, bits: number, count: number): void {
  for (let at = 0, seen = 0; seen < count && at < runs.length;) {
    let header = 0;
    for (let shift = 0;; shift += 7) {
      const byte = runs[at++];
      if (byte === undefined || shift > 28) throw new Error("a run of values is damaged");
      header += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) break;
    }
    const isPacked = header % 2 === 1, length = Math.floor(header / 2);
    seen += isPacked ? 8 * length : length;
    if (seen > count + MOST_BEYOND) {
      throw new Error(`a run repeats a value ${length} times, in a page of ${count}`);
    }
    at += isPacked ? length * bits : Math.ceil(bits / 8);
  }
}
