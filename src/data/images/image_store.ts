/** Decoded images of one size all in memory, and the cache file that saves decoding them again. */
import { createHash } from "node:crypto";
import { homedir } from "node:os";
import { join } from "node:path";
import { reason } from "../../io/file_bytes.ts";
import { makeFolder } from "../../io/files.ts";
import { writeParts } from "../../io/new_file.ts";
import type { RgbImage } from "./image.ts";
import type { ImageSource } from "../modalities.ts";

/** The version of the file layout and of how images are decoded, raised with every change of either. */
const VERSION = 1;
const MAGIC = "unis images\n";
const DIGEST_BYTES = 32;

/** Decoded images of one size, all in memory. */
export class ImageStore implements ImageSource {
  readonly count: number;
  readonly height: number;
  readonly width: number;
  readonly bytes: Uint8Array; // [count, height, width, 3]

  /** Throws a `RangeError` where `bytes` is not exactly [count, height, width, 3]. */
  constructor(bytes: Uint8Array, { count, height, width }: StoreShape) {
    if (bytes.length !== count * height * width * 3) {
      throw new RangeError(
        `${count} images of ${height}x${width} take ${count * height * width * 3} bytes, got ${bytes.length}`,
      );
    }
    this.bytes = bytes;
    this.count = count;
    this.height = height;
    this.width = width;
  }

  image(sample: number): RgbImage {
    const { height, width } = this;
    const size = height * width * 3;
    if (!(sample >= 0 && sample < this.count)) {
      throw new RangeError(`Image ${sample} is outside 0..${this.count - 1}`);
    }
    return { pixels: this.bytes.subarray(sample * size, (sample + 1) * size), height, width };
  }
}

export interface StoreShape {
  count: number;
  height: number;
  width: number;
}

export interface CacheOptions {
  /** The folder of the cache; nothing is kept where it is `undefined`. */
  directory: string | undefined;
  /** The start of the file's name. */
  name: string;
  /** Everything the decoded bytes depend on, e.g. the versions of packages and the list of files. */
  content: readonly string[];
  /** Is called with a sentence when the cache cannot be used. */
  note: (message: string) => void;
}

/** The folder for caches: `UNIS_CACHE_DIR`, else `unis` in `XDG_CACHE_HOME`, else `~/.cache/unis`. */
export function defaultCacheDirectory(): string {
  const own = Deno.env.get("UNIS_CACHE_DIR");
  if (own) return own;
  return join(Deno.env.get("XDG_CACHE_HOME") || join(homedir(), ".cache"), "unis");
}

/**
 * Images from the cache, or made by `decode` and then cached. A cache that is damaged or belongs to other content is
 * made again; where it cannot be read or written, `note` says so and nothing is cached.
 */
export async function cachedImages(
  shape: StoreShape,
  { directory, name, content, note }: CacheOptions,
  decode: () => Promise<Uint8Array>,
): Promise<ImageStore> {
  if (directory === undefined) return new ImageStore(await decode(), shape);
  const key = createHash("sha256").update(JSON.stringify([VERSION, shape, content])).digest();
  const path = join(directory, `${name}-${key.toString("hex").slice(0, 16)}.images`);
  const size = shape.count * shape.height * shape.width * 3;
  try {
    const bytes = unpack(await Deno.readFile(path), key, size);
    if (bytes !== undefined) return new ImageStore(bytes, shape);
    note(`The image cache ${path} is damaged: making it again`);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) {
      note(`Cannot read the image cache ${path}: ${reason(error)}`);
    }
  }
  const bytes = await decode();
  const store = new ImageStore(bytes, shape);
  try {
    makeFolder(directory);
    writeParts(path, [header(key, bytes), bytes]);
  } catch (error) {
    note(`Cannot write the image cache ${path}, images are decoded again next time: ${reason(error)}`);
  }
  return store;
}

/** The bytes of the header: magic, key of the content, SHA-256 of the images. */
function header(key: Uint8Array, bytes: Uint8Array): Uint8Array {
  return Uint8Array.from([...new TextEncoder().encode(MAGIC), ...key, ...digest(bytes)]);
}

function unpack(file: Uint8Array, key: Uint8Array, size: number): Uint8Array | undefined {
  const start = MAGIC.length + 2 * DIGEST_BYTES;
  if (file.length !== start + size) return undefined;
  const bytes = file.subarray(start);
  const expected = header(key, bytes);
  return expected.every((byte, at) => byte === file[at]) ? bytes : undefined;
}

function digest(bytes: Uint8Array): Uint8Array {
  return createHash("sha256").update(bytes).digest();
}
