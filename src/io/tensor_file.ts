// Tensors that lie in a file, whatever its format: each is read straight into the array that is handed out, when it is
// asked for. All of it is synchronous: a seek and its read must not be parted by another reader of the same file. Typed
// arrays are taken as little-endian, as on every platform Deno runs on.
import { asBytes, readFully } from "./file_bytes.ts";
import {
  ARRAY_OF,
  byteSize,
  DTYPE_BYTES,
  type StoredArray,
  type StoredDtype,
  type StoredTensor,
} from "./stored_tensor.ts";
import { shortQuote } from "./strict_json.ts";
import { UserError } from "../base/user_error.ts";

/** Tensors by name, in one file or spread over several; each is read when it is asked for. */
export interface TensorFile extends Disposable {
  readonly path: string;
  readonly metadata: ReadonlyMap<string, string>;
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** The tensor's bytes in row-major order. Throws a UserError if there is no tensor of that name. */
  readBytes(name: string): Uint8Array<ArrayBuffer>;
  /** The tensor in the array type of its dtype; BF16 comes as its bits in a Uint16Array, BOOL and F8 as bytes. */
  readTyped(name: string): StoredArray;
  /** An F32, F16 or BF16 tensor as float32, exactly, or an F64 one rounded to it. Throws a UserError for others. */
  readFloat32(name: string): Float32Array<ArrayBuffer>;
  close(): void;
}

/** Elements that are converted at a time, so that a tensor of another dtype is never whole in memory beside its copy. */
const CHUNK_ELEMENTS = 1 << 20;

/** Tensors of one open file, whose places were checked to be in it. */
export class LazyTensors implements TensorFile {
  readonly path: string;
  readonly metadata: ReadonlyMap<string, string>;
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  readonly #file: Deno.FsFile;

  constructor(
    path: string,
    file: Deno.FsFile,
    tensors: ReadonlyMap<string, StoredTensor>,
    metadata: ReadonlyMap<string, string> = new Map(),
  ) {
    this.path = path;
    this.#file = file;
    this.tensors = tensors;
    this.metadata = metadata;
  }

  readBytes(name: string): Uint8Array<ArrayBuffer> {
    const tensor = this.#find(name);
    const bytes = this.#allocate(name, () => new Uint8Array(tensor.end - tensor.begin));
    readFully(this.path, this.#file, tensor.begin, bytes);
    const { strides, shape, dtype } = tensor;
    return strides === undefined
      ? bytes
      : this.#allocate(name, () => gather(bytes, shape, strides, DTYPE_BYTES[dtype]));
  }

  readTyped(name: string): StoredArray {
    const { dtype } = this.#find(name);
    return new ARRAY_OF[dtype](this.readBytes(name).buffer);
  }

  readFloat32(name: string): Float32Array<ArrayBuffer> {
    const { dtype, begin, end, strides } = this.#find(name);
    if (dtype === "F32") return new Float32Array(this.readBytes(name).buffer);
    if (!isFloat(dtype)) {
      throw new UserError(
        `Cannot read tensor ${
          shortQuote(name)
        } of ${this.path} as float32: its dtype is ${dtype}, not F32, F16, BF16 or F64`,
      );
    }
    if (strides !== undefined) {
      const typed = this.readTyped(name) as FloatArray;
      const values = this.#allocate(name, () => new Float32Array(typed.length));
      convert(dtype, typed, values);
      return values;
    }
    const elementBytes = DTYPE_BYTES[dtype];
    const values = this.#allocate(name, () => new Float32Array((end - begin) / elementBytes));
    const chunk = new ARRAY_OF[dtype](Math.min(values.length, CHUNK_ELEMENTS));
    for (let at = 0; at < values.length; at += chunk.length) {
      const part = chunk.subarray(0, values.length - at);
      readFully(this.path, this.#file, begin + elementBytes * at, asBytes(part));
      convert(dtype, part, values.subarray(at));
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

type FloatDtype = "F16" | "BF16" | "F64";
type FloatArray = Float16Array<ArrayBuffer> | Uint16Array<ArrayBuffer> | Float64Array<ArrayBuffer>;

function isFloat(dtype: StoredDtype): dtype is FloatDtype {
  return dtype === "F16" || dtype === "BF16" || dtype === "F64";
}

/** Writes `from`, of a dtype, to the start of `into` as float32. */
function convert(dtype: FloatDtype, from: FloatArray, into: Float32Array<ArrayBuffer>): void {
  if (dtype !== "BF16") return into.set(from);
  const bits = new Uint32Array(into.buffer, into.byteOffset, from.length);
  from.forEach((half, i) => bits[i] = half << 16); // bfloat16 is the upper half of a float32
}

/** The elements of a strided view in row-major order. */
function gather(
  bytes: Uint8Array<ArrayBuffer>,
  shape: readonly number[],
  strides: readonly number[],
  elementBytes: number,
): Uint8Array<ArrayBuffer> {
  const gathered = new Uint8Array(byteSize(shape, elementBytes));
  const index = shape.map(() => 0);
  let from = 0;
  for (let to = 0; to < gathered.length; to += elementBytes) {
    for (let i = 0; i < elementBytes; i++) gathered[to + i] = bytes[from + i]!;
    for (let axis = shape.length - 1; axis >= 0; axis--) { // counts on by one, the last axis fastest
      from += strides[axis]! * elementBytes;
      if (++index[axis]! < shape[axis]!) break;
      from -= shape[axis]! * strides[axis]! * elementBytes;
      index[axis] = 0;
    }
  }
  return gathered;
}
