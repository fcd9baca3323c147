/**
 * Copies of buffers in textures. On a processor a texel is fetched several times as fast as four elements of a storage
 * buffer, so kernels for software adapters may read operands as `texture_2d<f32>`: four elements a texel, f32 or f16,
 * TEXELS_PER_ROW texels a row.
 */
import type { Buffers } from "./dispatch.ts";
import { type BindingInfo, readConstant } from "./kernel.ts";
import type { BufferRange } from "./pool.ts";
import texel from "../../wgsl/lib/texel.wgsl" with { type: "text" };

const TEXELS_PER_ROW = readConstant(texel, "TEXELS_PER_ROW");

type Sized = Pick<BufferRange, "bytes" | "isHalf">;
const texelBytes = ({ isHalf }: Sized) => isHalf ? 8 : 16;
const rowBytes = (range: Sized) => TEXELS_PER_ROW * texelBytes(range);

export interface TextureCopy {
  readonly id: number;
  readonly texture: GPUTexture;
  readonly view: GPUTextureView;
}

/**
 * Copies serve one dispatch at a time: a binding index, a height and a format have one texture, which the next use
 * overwrites. That is safe because the device runs copies and dispatches in order.
 */
export class TextureCopies {
  readonly #device: GPUDevice;
  readonly #mostRows: number; // kept here because the device's own getter is slow and every product asks
  readonly #textures = new Map<string, TextureCopy>();
  #nextId = 0;
  #bytes = 0;

  constructor(device: GPUDevice) {
    this.#device = device;
    this.#mostRows = device.limits.maxTextureDimension2D;
  }

  /** Bytes held in textures. */
  get bytes(): number {
    return this.#bytes;
  }

  /** True when a range of this size fits a texture of the device. */
  fits(range: Sized): boolean {
    return rowsFor(range) <= this.#mostRows;
  }

  /** The texture that a dispatch reads a range from. Several bindings that read one range read the texture of the first. */
  textureFor(bindings: readonly BindingInfo[], buffers: Buffers, range: BufferRange): TextureCopy {
    return this.#textureOf(firstOf(bindings, buffers, range), range);
  }

  /** Encodes the copies of all ranges that a dispatch reads through textures. Must stand outside a pass. */
  encode(encoder: GPUCommandEncoder, bindings: readonly BindingInfo[], buffers: Buffers): void {
    for (const { name, index, type } of bindings) {
      if (type !== "texture") continue;
      const range = buffers[name]!;
      if (firstOf(bindings, buffers, range) === index) this.#encode(encoder, index, range);
    }
  }

  #textureOf(index: number, range: Sized): TextureCopy {
    // Heights are powers of two: few textures, and few bind groups.
    const height = 2 ** Math.ceil(Math.log2(rowsFor(range)));
    const format = range.isHalf ? "rgba16float" : "rgba32float";
    const key = `${index}:${height}:${format}`;
    let copy = this.#textures.get(key);
    if (!copy) {
      const texture = this.#device.createTexture({
        label: `operand ${key}`,
        size: [TEXELS_PER_ROW, height],
        format,
        usage: GPUTextureUsage.TEXTURE_BINDING | GPUTextureUsage.COPY_DST,
      });
      this.#textures.set(key, copy = { id: this.#nextId++, texture, view: texture.createView() });
      this.#bytes += height * rowBytes(range);
    }
    return copy;
  }

  #encode(encoder: GPUCommandEncoder, index: number, range: BufferRange): void {
    const { buffer, offset, bytes } = range;
    const { texture } = this.#textureOf(index, range);
    const bytesPerRow = rowBytes(range);
    const rows = Math.floor(bytes / bytesPerRow);
    const rest = Math.ceil((bytes % bytesPerRow) / texelBytes(range));
    const source = (row: number) => ({
      buffer: buffer.handle,
      offset: offset + row * bytesPerRow,
      bytesPerRow,
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

function rowsFor(range: Sized): number {
  return Math.max(1, Math.ceil(range.bytes / rowBytes(range)));
}

/** The index of the first binding that reads a range as a texture. */
function firstOf(bindings: readonly BindingInfo[], buffers: Buffers, range: BufferRange): number {
  return bindings.find(({ name, type }) => type === "texture" && buffers[name] === range)!.index;
}
