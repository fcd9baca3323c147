/** The dtypes of tensors in files, and what is known of a tensor before it is read. Named as safetensors names them. */

/** The bytes that an element of each dtype takes. */
export const DTYPE_BYTES = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  F8_E4M3: 1,
  F8_E5M2: 1,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U64: 8,
  U32: 4,
  U16: 2,
  U8: 1,
  BOOL: 1,
} as const;

export type StoredDtype = keyof typeof DTYPE_BYTES;

/** The array that holds each dtype; BF16 as its bits, BOOL and F8 as bytes. */
export const ARRAY_OF = {
  F64: Float64Array,
  F32: Float32Array,
  F16: Float16Array,
  BF16: Uint16Array,
  F8_E4M3: Uint8Array,
  F8_E5M2: Uint8Array,
  I64: BigInt64Array,
  I32: Int32Array,
  I16: Int16Array,
  I8: Int8Array,
  U64: BigUint64Array,
  U32: Uint32Array,
  U16: Uint16Array,
  U8: Uint8Array,
  BOOL: Uint8Array,
} as const;

export type StoredArray =
  | Float64Array<ArrayBuffer>
  | Float32Array<ArrayBuffer>
  | Float16Array<ArrayBuffer>
  | BigInt64Array<ArrayBuffer>
  | BigUint64Array<ArrayBuffer>
  | Int32Array<ArrayBuffer>
  | Uint32Array<ArrayBuffer>
  | Int16Array<ArrayBuffer>
  | Uint16Array<ArrayBuffer>
  | Int8Array<ArrayBuffer>
  | Uint8Array<ArrayBuffer>;

/** One tensor of a file; `begin` and `end` are byte offsets from the start of the file, of all its elements. */
export interface StoredTensor {
  readonly dtype: StoredDtype;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
  /** Elements between neighbours along each dimension, where they are not in row-major order without gaps. */
  readonly strides?: readonly number[];
}

/** Product of the sizes times `elementBytes`; NaN where it is too large to be exact. */
export function byteSize(shape: readonly number[], elementBytes: number): number {
  // A zero anywhere makes it empty, however large the other sizes are.
  if (shape.includes(0)) return 0;
  let bytes = elementBytes;
  for (const size of shape) {
    bytes *= size;
    if (!Number.isSafeInteger(bytes)) return NaN;
  }
  return bytes;
}

/** The strides of a tensor in row-major order without gaps. */
export function rowMajorStrides(shape: readonly number[]): number[] {
  const strides = Array.from(shape, () => 1);
  for (let axis = shape.length - 2; axis >= 0; axis--) strides[axis] = strides[axis + 1]! * shape[axis + 1]!;
  return strides;
}
