/**
 * Buffers seen as textures. On a processor a texel is fetched an order of magnitude faster than four elements of a
 * storage buffer, so kernels for software adapters may read operands as `texture_2d<f32>`: four elements a texel,
 * TEXELS_PER_ROW texels a row.
 */
import type { BufferRange } from "./pool.ts";

const TEXELS_PER_ROW = 4096;
const TEXEL_BYTES = 16;
const ROW_BYTES = TEXELS_PER_ROW * TEXEL_BYTES;

export interface TextureCopy {
  readonly id: number;
  readonly texture: GPUTexture;
  readonly view: GPUTextureView;
}

/**
 * Copies for one dispatch at a time: a binding index and a height have one texture, overwritten at the next use. The
 * device runs copies and dispatches in order, so that is safe.
 */
export class TextureCopies {
  readonly #device: GPUDevice;
  readonly #textures = new Map<string, TextureCopy>();
  #nextId = 0;
  #bytes = 0;

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  /** Bytes held in textures. */
  get bytes(): number {
    return this.#bytes;
  }

  /** True when a range of this size fits a texture of the device. */
  fits(bytes: number): boolean {
    return rowsFor(bytes) <= this.#device.limits.maxTextureDimension2D;
  }

  /** The texture that binding `index` reads a range of `bytes` from. */
  textureFor(index: number, bytes: number): TextureCopy {
    // Heights are powers of two: few textures, and few bind groups.
    const height = 2 ** Math.ceil(Math.log2(rowsFor(bytes)));
    const key = `${index}:${height}`;
    let copy = this.#textures.get(key);
    if (!copy) {
      const texture = this.#device.createTexture({
        label: `operand ${key}`,
        size: [TEXELS_PER_ROW, height],
        format: "rgba32float",
        usage: GPUTextureUsage.TEXTURE_BINDING | GPUTextureUsage.COPY_DST,
      });
      this.#textures.set(key, copy = { id: this.#nextId++, texture, view: texture.createView() });
      this.#bytes += height * ROW_BYTES;
    }
    return copy;
  }

  /** Encodes the copy of a range into its texture. Must stand outside a pass. */
  encode(encoder: GPUCommandEncoder, index: number, { buffer, offset, bytes }: BufferRange): void {
    const { texture } = this.textureFor(index, bytes);
    const rows = Math.floor(bytes / ROW_BYTES);
    const rest = Math.ceil((bytes % ROW_BYTES) / TEXEL_BYTES);
    const source = (row: number) => ({
      buffer: buffer.handle,
      offset: offset + row * ROW_BYTES,
      bytesPerRow: ROW_BYTES,
    });
    if (rows > 0) encoder.copyBufferToTexture(source(0), { texture }, [TEXELS_PER_ROW, rows]);
    if (rest > 0) encoder.copyBufferToTexture(source(rows), { texture, origin: [0, rows] }, [rest, 1]);
  }

  /** Destroys every texture; work that names one must have been submitted. */
  trim(): void {
    for (const { texture } of this.#textures.values()) texture.destroy();
    this.#textures.clear();
    this.#bytes = 0;
  }
}

function rowsFor(bytes: number): number {
  return Math.max(1, Math.ceil(bytes / ROW_BYTES));
}
