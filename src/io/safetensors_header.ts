// Parses the header of a safetensors file: 8 bytes of little-endian length, then JSON that maps each tensor's name to its
// dtype, shape and place among the data that follow. Everything a hostile or broken file could say is checked here,
// once, so that the reader may seek and allocate by these numbers without looking again.
import { byteSize, DTYPE_BYTES, type StoredDtype, type StoredTensor } from "./stored_tensor.ts";
import { isJsonObject, parseStrictJson, shortQuote } from "./strict_json.ts";

export interface SafetensorsHeader {
  readonly metadata: ReadonlyMap<string, string>;
  readonly tensors: ReadonlyMap<string, StoredTensor>;
}

/** The format's own limit on the JSON part, in bytes. */
export const MAX_HEADER_BYTES = 100_000_000;
/** Far above any published checkpoint (mixtures of experts have tens of thousands). */
export const MAX_ENTRIES = 100_000;
/** The format needs three; what a later version adds beside it is skipped, as the reference does. */
const MAX_DEPTH = 8;

const LENGTH_BYTES = 8;
const METADATA = "__metadata__";

/** A broken rule of the format; the reader turns it into a UserError that names the file. */
export class HeaderError extends Error {
  override name = "HeaderError";
}

/** The length of the JSON part, from the first bytes of a file of `fileBytes` bytes. Throws a HeaderError. */
export function headerLength(start: Uint8Array, fileBytes: number): number {
  if (fileBytes < LENGTH_BYTES || start.length < LENGTH_BYTES) {
    throw new HeaderError(`file of ${fileBytes} bytes is too short for the 8-byte header length`);
  }
  const length = new DataView(start.buffer, start.byteOffset, LENGTH_BYTES).getBigUint64(0, true);
  if (length > BigInt(MAX_HEADER_BYTES)) {
    throw new HeaderError(`header length ${length} is over the limit of ${MAX_HEADER_BYTES} bytes`);
  }
  if (length < 2n) throw new HeaderError(`header length ${length} is too short for a JSON object`);
  if (Number(length) > fileBytes - LENGTH_BYTES) {
    throw new HeaderError(`header length ${length} reaches beyond the end of the file (${fileBytes} bytes)`);
  }
  return Number(length);
}

/**
 * Parses and checks the JSON part of a file of `fileBytes` bytes, after the rules of the format: known dtypes, shape
 * times element size equals the bytes, and data that fill the rest of the file with no overlap and no gap. Throws a
 * HeaderError that says which rule is broken.
 */
export function parseHeader(json: Uint8Array, fileBytes: number): SafetensorsHeader {
  const root = parseJson(json);
  const dataStart = LENGTH_BYTES + json.length;
  const entries = Object.entries(root).filter(([name]) => name !== METADATA);
  const metadata = Object.hasOwn(root, METADATA) ? parseMetadata(root[METADATA]) : new Map<string, string>();
  const tensors = new Map(
    entries.map(([name, entry]) => [name, parseTensor(name, entry, dataStart, fileBytes - dataStart)]),
  );
  checkCoverage(tensors, dataStart, fileBytes);
  return { metadata, tensors };
}

function parseJson(json: Uint8Array): Record<string, unknown> {
  if (json[0] !== 0x7b) throw new HeaderError(`header does not begin with "{"`);
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(json);
  } catch {
    throw new HeaderError("header is not valid UTF-8");
  }
  try {
    const root = parseStrictJson(text, { depth: MAX_DEPTH, keys: MAX_ENTRIES });
    return root as Record<string, unknown>; // the text begins with "{"
  } catch (error) {
    if (error instanceof SyntaxError) throw new HeaderError(`header ${error.message}`);
    throw error;
  }
}

function parseMetadata(value: unknown): Map<string, string> {
  if (!isJsonObject(value)) throw new HeaderError(`${METADATA} is not an object of strings`);
  return new Map(
    Object.entries(value).map(([key, text]) => {
      if (typeof text !== "string") {
        throw new HeaderError(`${METADATA} value of ${shortQuote(key)} is not a string`);
      }
      return [key, text];
    }),
  );
}

function parseTensor(name: string, entry: unknown, dataStart: number, dataBytes: number): StoredTensor {
  const fail = (rule: string) => new HeaderError(`tensor ${shortQuote(name)}: ${rule}`);
  if (!isJsonObject(entry)) throw fail("entry is not an object");
  const { dtype, shape, data_offsets: offsets } = entry;
  if (typeof dtype !== "string") throw fail("dtype is missing or not a string");
  if (!isDtype(dtype)) throw fail(`unknown dtype ${shortQuote(dtype)}`);
  if (!isSizes(shape)) throw fail("shape is missing or not a list of non-negative integers");
  if (!isSizes(offsets) || offsets.length !== 2) {
    throw fail("data_offsets is missing or not a pair of non-negative integers");
  }
  const [begin, end] = offsets as [number, number];
  if (begin > end) throw fail(`data_offsets end before they begin (${begin} > ${end})`);
  if (end > dataBytes) throw fail(`data_offsets reach to ${end}, outside the ${dataBytes} bytes of data`);
  const bytes = byteSize(shape, DTYPE_BYTES[dtype]);
  if (!Number.isSafeInteger(bytes)) throw fail("shape is too large to address");
  if (bytes !== end - begin) {
    throw fail(
      `shape [${shape.join(", ")}] of ${dtype} takes ${bytes} bytes, data_offsets give ${end - begin}`,
    );
  }
  return { dtype, shape, begin: dataStart + begin, end: dataStart + end };
}

/** Sorted by place, each tensor must begin where the one before ended, and the last must end with the file. */
function checkCoverage(
  tensors: ReadonlyMap<string, StoredTensor>,
  dataStart: number,
  fileBytes: number,
): void {
  const byPlace = [...tensors].sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end);
  let covered = dataStart;
  for (const [name, { begin, end }] of byPlace) {
    if (begin < covered) {
      throw new HeaderError(`tensor ${shortQuote(name)}: data overlap those of another tensor`);
    }
    if (begin > covered) {
      throw new HeaderError(
        `tensor ${shortQuote(name)}: gap of ${begin - covered} unused bytes before its data`,
      );
    }
    covered = end;
  }
  if (covered !== fileBytes) {
    throw new HeaderError(`gap of ${fileBytes - covered} unused bytes after the last tensor`);
  }
}

function isDtype(name: string): name is StoredDtype {
  return Object.hasOwn(DTYPE_BYTES, name);
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}
