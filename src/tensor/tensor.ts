/** The tensor: an immutable handle to a range of device memory, with a shape and an element type. */
import type { Gpu } from "../gpu/gpu.ts";
import { BINDING_ALIGNMENT, type DeviceBuffer } from "../gpu/pool.ts";
import { track } from "./scope.ts";
import { mustBeShape, type Shape, showShape, sizeOf } from "./shape.ts";

/** `f16` tensors exist on the device alone; `u8` tensors are bytes, four to a word, as images travel. */
export type DType = "f32" | "f16" | "u32" | "u8";

const BYTES: Readonly<Record<DType, number>> = { f32: 4, f16: 2, u32: 4, u8: 1 };

/** A buffer, and how many tensors view it; it returns to the pool with the last of them. */
class Storage {
  readonly gpu: Gpu;
  readonly buffer: DeviceBuffer;
  holders = 0;

  constructor(gpu: Gpu, bytes: number) {
    this.gpu = gpu;
    this.buffer = gpu.take(bytes);
  }

  release(): void {
    if (--this.holders === 0) this.gpu.give(this.buffer);
  }
}

/**
 * A tensor belongs to the scope it was made in, or to its maker where there is none (then `dispose` ends it).
 * The tape holds on to what a gradient will read; memory goes back to the pool when nobody holds the handle.
 */
export class Tensor {
  readonly shape: Shape;
  readonly dtype: DType;
  readonly size: number;
  /** Offset into the buffer, in bytes. */
  readonly offset: number;
  /** True where a gradient flows to the tensor. */
  readonly requiresGrad: boolean;
  /** The gradient that `backward` has left. Only leaves get one: parameters, and inputs made with `requiresGrad`. */
  grad: Tensor | undefined;
  readonly #storage: Storage;
  #holders = 1;

  private constructor(storage: Storage, shape: Shape, dtype: DType, offset: number, requiresGrad: boolean) {
    this.shape = shape;
    this.dtype = dtype;
    this.size = sizeOf(shape);
    this.offset = offset;
    this.requiresGrad = requiresGrad;
    this.#storage = storage;
    storage.holders++;
    track(this);
  }

  /** A tensor with undefined contents. Throws TypeError for dimensions that are negative or no whole numbers. */
  static empty(gpu: Gpu, shape: Shape, dtype: DType = "f32", requiresGrad = false): Tensor {
    mustBeShape(shape);
    return new Tensor(new Storage(gpu, sizeOf(shape) * BYTES[dtype]), [...shape], dtype, 0, requiresGrad);
  }

  /**
   * A tensor of host values: Float32Array gives f32, Uint32Array u32, Uint8Array u8. Throws TypeError where their number is
   * not that of the shape.
   */
  static from(
    gpu: Gpu,
    data: Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer> | Uint8Array<ArrayBuffer>,
    shape: Shape,
    requiresGrad = false,
  ): Tensor {
    if (data.length !== sizeOf(shape)) {
      throw new TypeError(`Cannot make a tensor of ${showShape(shape)} from ${data.length} values`);
    }
    const dtype = data instanceof Float32Array ? "f32" : data instanceof Uint32Array ? "u32" : "u8";
    const tensor = Tensor.empty(gpu, shape, dtype, requiresGrad);
    gpu.write(tensor, data);
    return tensor;
  }

  /** A tensor of the same memory under another shape; of the part from element `offset` on, if that is given. */
  view(shape: Shape, options: { offset?: number; requiresGrad?: boolean } = {}): Tensor {
    const { offset = 0, requiresGrad = false } = options;
    mustBeShape(shape);
    if (offset + sizeOf(shape) > this.size) {
      throw new TypeError(
        `Cannot view ${showShape(this.shape)} as ${showShape(shape)} from element ${offset}`,
      );
    }
    const bytes = this.offset + offset * BYTES[this.dtype];
    if (bytes % BINDING_ALIGNMENT !== 0) {
      throw new RangeError(
        `Cannot view from element ${offset}: not a multiple of ${BINDING_ALIGNMENT} bytes`,
      );
    }
    this.#mustBeAlive();
    return new Tensor(this.#storage, [...shape], this.dtype, bytes, requiresGrad);
  }

  get gpu(): Gpu {
    return this.#storage.gpu;
  }

  get buffer(): DeviceBuffer {
    this.#mustBeAlive();
    return this.#storage.buffer;
  }

  get bytes(): number {
    return this.size * BYTES[this.dtype];
  }

  /** What `BufferRange` asks for: texels of a copy in a texture are then f16 too. */
  get isHalf(): boolean {
    return this.dtype === "f16";
  }

  get rank(): number {
    return this.shape.length;
  }

  /** True when no other handle shares the memory and nobody else holds this one: it may be overwritten. */
  get isUnique(): boolean {
    return this.#holders === 1 && this.#storage.holders === 1;
  }

  /** Adds one holder; every holder must call `dispose` once. */
  retain(): this {
    this.#mustBeAlive();
    this.#holders++;
    return this;
  }

  /** Ends one hold; with the last, the tensor cannot be used any more. */
  dispose(): void {
    this.#mustBeAlive();
    if (--this.#holders === 0) this.#storage.release();
  }

  /** Reads the elements back, f16 widened to f32; waits for the device. `readTensors` reads several in one wait. */
  async read(): Promise<Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer> | Uint8Array<ArrayBuffer>> {
    return (await readTensors([this]))[0]!;
  }

  #mustBeAlive(): void {
    if (this.#holders === 0) {
      throw new Error(`Cannot use a tensor of ${showShape(this.shape)}: it has been disposed`);
    }
  }
}

/** Reads several tensors of one device through a single wait; f16 comes back widened to f32. */
export async function readTensors(
  tensors: readonly Tensor[],
): Promise<(Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer> | Uint8Array<ArrayBuffer>)[]> {
  if (tensors.length === 0) return [];
  const copies = await tensors[0]!.gpu.read(tensors);
  return copies.map((copy, i) => {
    const { dtype, size } = tensors[i]!;
    if (dtype === "f32") return new Float32Array(copy, 0, size);
    if (dtype === "f16") return Float32Array.from(new Float16Array(copy, 0, size));
    return dtype === "u32" ? new Uint32Array(copy, 0, size) : new Uint8Array(copy, 0, size);
  });
}
