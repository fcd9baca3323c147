// Reads and writes safetensors files. Reading is lazy: opening takes the header only, and each tensor is then read
// straight into the array that is handed out. All of it is synchronous: a seek and its read must not be parted by
// another reader of the same file. Typed arrays are taken as little-endian, as on every platform Deno runs on.
import { asBytes, openRegularFile, readFully } from "./file_bytes.ts";
import {
  ARRAY_OF,
  HeaderError,
  headerLength,
  parseHeader,
  type SafetensorsHeader,
  type StoredArray,
  type StoredTensor,
} from "./safetensors_header.ts";
import { shortQuote } from "./strict_json.ts";
import { UserError } from "../base/user_error.ts";

export type { StoredArray, StoredDtype, StoredTensor } from "./safetensors_header.ts";
export { type TensorToStore, writeSafetensors } from "./safetensors_writer.ts";

/** Tensors by name, in one file or spread over several; each is read when it is asked for. */
export interface TensorFile extends Disposable {
  readonly path: string;
  readonly metadata: ReadonlyMap<string, string>;
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** The tensor's bytes as they stand in the file. Throws a UserError if there is no tensor of that name. */
  readBytes(name: string): Uint8Array<ArrayBuffer>;
  /** The tensor in the array type of its dtype; BF16 comes as its bits in a Uint16Array, BOOL and F8 as bytes. */
  readTyped(name: string): StoredArray;
  /** An F32, F16 or BF16 tensor as float32, which holds each of them exactly. Throws a UserError for others. */
  readFloat32(name: string): Float32Array<ArrayBuffer>;
  close(): void;
}

/** Elements that are converted at a time, so that a half-precision tensor is never whole in memory beside its copy. */
const CHUNK_ELEMENTS = 1 << 20;

/** Opens a safetensors file and checks its header. Throws a UserError that names the file and the rule it breaks. */
export function openSafetensors(path: string): TensorFile {
  return SafetensorsFile.open(path);
}

class SafetensorsFile implements TensorFile {
  readonly path: string;
  readonly metadata: ReadonlyMap<string, string>;
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  readonly #file: Deno.FsFile;

  private constructor(path: string, file: Deno.FsFile, header: SafetensorsHeader) {
    this.path = path;
    this.#file = file;
    this.metadata = header.metadata;
    this.tensors = header.tensors;
  }

  static open(path: string): SafetensorsFile {
    const file = openRegularFile(path);
    try {
      const fileBytes = file.statSync().size;
      const start = new Uint8Array(Math.min(8, fileBytes));
      readFully(path, file, 0, start);
      const json = new Uint8Array(headerLength(start, fileBytes));
      readFully(path, file, 8, json);
      return new SafetensorsFile(path, file, parseHeader(json, fileBytes));
    } catch (error) {
      file.close();
      if (error instanceof HeaderError) throw new UserError(`Cannot read ${path}: ${error.message}`);
      throw error;
    }
  }

  readBytes(name: string): Uint8Array<ArrayBuffer> {
    const { begin, end } = this.#find(name);
    const bytes = this.#allocate(name, () => new Uint8Array(end - begin));
    readFully(this.path, this.#file, begin, bytes);
    return bytes;
  }

  readTyped(name: string): StoredArray {
    const { dtype } = this.#find(name);
    return new ARRAY_OF[dtype](this.readBytes(name).buffer);
  }

  readFloat32(name: string): Float32Array<ArrayBuffer> {
    const { dtype, begin, end } = this.#find(name);
    if (dtype === "F32") return new Float32Array(this.readBytes(name).buffer);
    if (dtype !== "F16" && dtype !== "BF16") {
      throw new UserError(
        `Cannot read tensor ${
          shortQuote(name)
        } of ${this.path} as float32: its dtype is ${dtype}, not F32, F16 or BF16`,
      );
    }
    const values = this.#allocate(name, () => new Float32Array((end - begin) / 2));
    const bits = new Uint32Array(values.buffer);
    const chunk = new Uint16Array(Math.min(values.length, CHUNK_ELEMENTS));
    for (let at = 0; at < values.length; at += chunk.length) {
      const part = chunk.subarray(0, values.length - at);
      readFully(this.path, this.#file, begin + 2 * at, asBytes(part));
      if (dtype === "F16") values.set(new Float16Array(part.buffer, 0, part.length), at);
      else part.forEach((half, i) => bits[at + i] = half << 16); // bfloat16 is the upper half of a float32
    }
    return values;
  }

  close(): void {
    this.#file.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #find(name: string): StoredTensor {
    const tensor = this.tensors.get(name);
    if (tensor === undefined) throw new UserError(`There is no tensor ${shortQuote(name)} in ${this.path}`);
    return tensor;
  }

  /** Allocates memory for a tensor. A sparse file may claim more than memory holds, which is told as a fault of the file. */
  #allocate<T>(name: string, make: () => T): T {
    try {
      return make();
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw new UserError(
        `Cannot read tensor ${shortQuote(name)} of ${this.path}: it does not fit in memory`,
      );
    }
  }
}
