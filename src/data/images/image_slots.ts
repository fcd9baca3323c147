/** Keeps decoded images by their numbers, in memory or in a file that grows as they come. */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { writeFully } from "../../io/file_bytes.ts";
import type { StoreShape } from "./image_store.ts";

/** The version of the file layout and of how images are decoded, raised with every change of either. */
const VERSION = 2;
const MAGIC = "unis slots 1";
/** The bytes of an entry: fingerprint of the image file (8), check sum of the pixels (4), unused (4). */
const ENTRY_BYTES = 16;
const HEADER_BYTES = 64;

/** Bytes of decoded images by number, each kept with the fingerprint of the file it was made from. */
export interface ImageSlots {
  /** The bytes kept for this fingerprint; undefined where there are none or they are damaged. */
  read(index: number, fingerprint: bigint): Uint8Array | undefined;
  /** Whether bytes were kept for this fingerprint; they may be damaged since. */
  has(index: number, fingerprint: bigint): boolean;
  write(index: number, fingerprint: bigint, pixels: Uint8Array): void;
  /** Whether so many bytes of images are kept, all at once. */
  holds(bytes: number): boolean;
  close(): void;
}

/** Keeps images in memory, until there are `capacity` bytes of them. */
export class MemorySlots implements ImageSlots {
  readonly #kept = new Map<number, { fingerprint: bigint; pixels: Uint8Array }>();
  readonly #capacity: number;
  #left: number;

  constructor(capacity = 2 ** 30) {
    this.#capacity = capacity;
    this.#left = capacity;
  }

  holds(bytes: number): boolean {
    return bytes <= this.#capacity;
  }

  has(index: number, fingerprint: bigint): boolean {
    return this.#kept.get(index)?.fingerprint === fingerprint;
  }

  read(index: number, fingerprint: bigint): Uint8Array | undefined {
    const kept = this.#kept.get(index);
    return kept?.fingerprint === fingerprint ? kept.pixels : undefined;
  }

  write(index: number, fingerprint: bigint, pixels: Uint8Array): void {
    const before = this.#kept.get(index)?.pixels.length ?? 0;
    if (pixels.length - before > this.#left) return;
    this.#left -= pixels.length - before;
    this.#kept.set(index, { fingerprint, pixels });
  }

  close(): void {
    this.#kept.clear();
  }
}

/**
 * Keeps images in a file of `directory`: a header, an entry for every image, the images. It grows as images come, and may
 * be read and written by several processes at once: all write the same, and half-written images fail their check sum.
 * Where the file cannot be used, `note` says so and memory serves instead.
 */
export function openDiskSlots(
  directory: string,
  name: string,
  shape: StoreShape,
  content: string,
  note: (message: string) => void,
): ImageSlots {
  const key = createHash("sha256").update(JSON.stringify([VERSION, shape, content])).digest();
  const path = join(directory, `${name}-${key.toString("hex").slice(0, 16)}.slots`);
  try {
    Deno.mkdirSync(directory, { recursive: true });
    return new DiskSlots(path, shape, key);
  } catch (error) {
    note(`Cannot use the image cache ${path}: ${(error as Error).message}`);
    return new MemorySlots();
  }
}

class DiskSlots implements ImageSlots {
  readonly #file: Deno.FsFile;
  readonly #size: number;
  readonly #count: number;
  /** The entries of the file, as far as this process knows. */
  readonly #entries: DataView;

  constructor(path: string, { count, height, width }: StoreShape, key: Uint8Array) {
    this.#size = height * width * 3;
    this.#count = count;
    this.#file = Deno.openSync(path, { read: true, write: true, create: true });
    const header = new Uint8Array(HEADER_BYTES);
    header.set(new TextEncoder().encode(MAGIC));
    header.set(key, 32);
    const entries = new Uint8Array(count * ENTRY_BYTES);
    const found = new Uint8Array(HEADER_BYTES);
    if (this.#readAt(0, found) && found.every((byte, i) => byte === header[i])) {
      this.#readAt(HEADER_BYTES, entries); // a shorter table: what is missing stays empty
    } else {
      this.#file.truncateSync(0);
      this.#writeAt(0, header);
      this.#writeAt(HEADER_BYTES, entries);
    }
    this.#entries = new DataView(entries.buffer);
  }

  /** As far as the disk does. */
  holds(): boolean {
    return true;
  }

  has(index: number, fingerprint: bigint): boolean {
    return this.#entries.getBigUint64(index * ENTRY_BYTES, true) === fingerprint;
  }

  read(index: number, fingerprint: bigint): Uint8Array | undefined {
    if (!this.has(index, fingerprint)) return undefined;
    const at = index * ENTRY_BYTES;
    const pixels = new Uint8Array(this.#size);
    const isWhole = this.#readAt(this.#position(index), pixels) &&
      checkSum(pixels) === this.#entries.getUint32(at + 8, true);
    return isWhole ? pixels : undefined;
  }

  write(index: number, fingerprint: bigint, pixels: Uint8Array): void {
    if (pixels.length !== this.#size) {
      throw new RangeError(`An image of the cache takes ${this.#size} bytes, got ${pixels.length}`);
    }
    this.#writeAt(this.#position(index), pixels);
    const at = index * ENTRY_BYTES;
    this.#entries.setBigUint64(at, fingerprint, true);
    this.#entries.setUint32(at + 8, checkSum(pixels), true);
    this.#writeAt(HEADER_BYTES + at, new Uint8Array(this.#entries.buffer, at, ENTRY_BYTES));
  }

  close(): void {
    this.#file.close();
  }

  #position(index: number): number {
    return HEADER_BYTES + this.#count * ENTRY_BYTES + index * this.#size;
  }

  /** Whether the file is that long. */
  #readAt(position: number, into: Uint8Array): boolean {
    this.#file.seekSync(position, Deno.SeekMode.Start);
    for (let done = 0; done < into.length;) {
      const count = this.#file.readSync(into.subarray(done));
      if (count === null) return false;
      done += count;
    }
    return true;
  }

  #writeAt(position: number, bytes: Uint8Array): void {
    this.#file.seekSync(position, Deno.SeekMode.Start);
    writeFully(this.#file, bytes);
  }
}

/** FNV-1a over words of four bytes. */
function checkSum(bytes: Uint8Array): number {
  let sum = 0x811c9dc5;
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2);
  for (let i = 0; i < words.length; i++) sum = Math.imul(sum ^ words[i]!, 0x01000193);
  for (let i = words.length * 4; i < bytes.length; i++) sum = Math.imul(sum ^ bytes[i]!, 0x01000193);
  return sum >>> 0;
}
