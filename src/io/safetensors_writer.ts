/** Writes safetensors files whole or not at all. */
import { ARRAY_OF, DTYPE_BYTES, type StoredDtype } from "./stored_tensor.ts";
import { asBytes } from "./file_bytes.ts";
import { writeParts } from "./new_file.ts";
import { shortQuote } from "./strict_json.ts";

/** float32 elements that are rounded to half precision at a time. */
const CHUNK_ELEMENTS = 1 << 20;

/** A tensor to be stored under a name: `data` is the array type of the dtype, row-major; F16 takes float32 as well. */
export interface TensorToStore {
  readonly dtype: StoredDtype;
  readonly shape: readonly number[];
  readonly data: ArrayBufferView<ArrayBufferLike>;
}

/**
 * Writes a safetensors file in one step: it appears complete and flushed to the disk, or not at all. Throws a TypeError for
 * data that do not fit dtype and shape, and a UserError if the file cannot be written.
 */
export function writeSafetensors(
  path: string,
  tensors: Readonly<Record<string, TensorToStore>>,
  metadata: Readonly<Record<string, string>> = {},
): void {
  writeParts(path, safetensorsParts(tensors, metadata));
}

/**
 * The bytes of a safetensors file, part by part. Equal tensors and metadata give equal bytes, whatever their order. Throws a
 * TypeError for data that do not fit dtype and shape.
 */
export function safetensorsParts(
  tensors: Readonly<Record<string, TensorToStore>>,
  metadata: Readonly<Record<string, string>> = {},
): Iterable<Uint8Array> {
  // Large elements first keeps every tensor aligned to its element, for readers that map the file.
  const sorted = Object.entries(tensors).sort(([nameA, a], [nameB, b]) =>
    DTYPE_BYTES[b.dtype] - DTYPE_BYTES[a.dtype] || (nameA < nameB ? -1 : 1)
  );
  for (const [name, tensor] of sorted) checkTensor(name, tensor);
  return partsOf(encodeHeader(sorted, metadata), sorted);
}

function* partsOf(header: Uint8Array, tensors: readonly (readonly [string, TensorToStore])[]) {
  yield header;
  yield* dataOf(tensors);
}

function checkTensor(name: string, { dtype, shape, data }: TensorToStore): void {
  if (name === "__metadata__") {
    throw new TypeError(`Cannot store a tensor named "__metadata__": the format keeps it`);
  }
  if (!name.isWellFormed()) {
    throw new TypeError(`Cannot store tensor ${shortQuote(name)}: the name is not valid Unicode`);
  }
  const widened = dtype === "F16" && data instanceof Float32Array;
  if (!widened && !(data instanceof ARRAY_OF[dtype])) {
    throw new TypeError(
      `Cannot store ${data.constructor.name} "${name}" as ${dtype}: takes ${ARRAY_OF[dtype].name}`,
    );
  }
  if (!shape.every((size) => Number.isSafeInteger(size) && size >= 0)) {
    throw new TypeError(`Cannot store "${name}" as [${shape.join(", ")}]: sizes are integers from 0`);
  }
  const elements = shape.reduce((product, size) => product * size, 1);
  const length = data.byteLength / (widened ? 4 : DTYPE_BYTES[dtype]);
  if (elements !== length) {
    throw new TypeError(
      `Cannot store ${length} elements "${name}" as [${shape.join(", ")}]: that is ${elements}`,
    );
  }
}

/** Length and JSON, written by hand to keep the order of names, padded so that the data begin at a multiple of 8. */
function encodeHeader(
  tensors: readonly (readonly [string, TensorToStore])[],
  metadata: Readonly<Record<string, string>>,
): Uint8Array {
  const entries: string[] = [];
  if (Object.keys(metadata).length > 0) {
    const pairs = Object.keys(metadata).sort().map((key) =>
      `${JSON.stringify(key)}:${JSON.stringify(metadata[key])}`
    );
    entries.push(`"__metadata__":{${pairs.join(",")}}`);
  }
  let offset = 0;
  for (const [name, { dtype, shape }] of tensors) {
    const end = offset + shape.reduce((product, size) => product * size, DTYPE_BYTES[dtype]);
    entries.push(`${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: [offset, end] })}`);
    offset = end;
  }
  const json = new TextEncoder().encode(`{${entries.join(",")}}`);
  const padded = Math.ceil(json.length / 8) * 8;
  const header = new Uint8Array(8 + padded).fill(0x20);
  new DataView(header.buffer).setBigUint64(0, BigInt(padded), true);
  header.set(json, 8);
  return header;
}

/** The bytes of tensors as they stand in the file, part by part. */
function* dataOf(tensors: readonly (readonly [string, TensorToStore])[]): Generator<Uint8Array> {
  for (const [, { dtype, data }] of tensors) {
    if (dtype !== "F16" || !(data instanceof Float32Array)) {
      yield asBytes(data);
      continue;
    }
    for (let at = 0; at < data.length; at += CHUNK_ELEMENTS) {
      yield asBytes(new Float16Array(data.subarray(at, at + CHUNK_ELEMENTS)));
    }
  }
}
