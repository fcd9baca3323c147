/** The images of a data set of files, decoded in workers when they are first asked for, and cached. */
import { createHash } from "node:crypto";
import { UserError } from "../../base/user_error.ts";
import { DecodePool } from "../workers/decode_pool.ts";
import { type ImageLocation, locationKey } from "../stored_bytes.ts";
import type { RgbImage } from "./image.ts";
import { type ImageSlots, MemorySlots, openDiskSlots } from "./image_slots.ts";
import type { ImageSource } from "../modalities.ts";
import type { ImagePreparation } from "./prepare_image.ts";

export interface ImageFilesOptions {
  /** The start of the cache file's name. */
  name: string;
  /** The folder of the cache; `undefined` keeps decoded images in memory, as many as fit in 1 GiB. */
  directory: string | undefined;
  /** Is called with a sentence when the cache cannot be used. */
  note: (message: string) => void;
  /** The largest number of workers that decode; as many as the machine has cores if not given. */
  workers?: number;
}

/**
 * The images of a data set from files, or from within larger ones: decoded and prepared once, in workers, then taken from a
 * cache of bytes. A file that changed is decoded again. Where an image is read together with others, those are decoded
 * along with it, so that a shuffled order costs no more than that of the file. `close()` ends the workers.
 */
export class ImageFiles implements ImageSource {
  readonly #images: readonly ImageLocation[];
  readonly #pool: DecodePool;
  readonly #slots: ImageSlots;
  readonly #size: { height: number; width: number };
  /** The images of every block of a file that holds several. */
  readonly #blocks = new Map<string, number[]>();
  /** Images being decoded, so that none is decoded twice at once. */
  readonly #underWay = new Map<number, Promise<RgbImage>>();
  #note: ((message: string) => void) | undefined;

  /** `preparation` are the steps that lead to the size in `spec`. */
  constructor(
    images: readonly ImageLocation[],
    { spec, preparation }: { spec: { height: number; width: number }; preparation: ImagePreparation },
    options: ImageFilesOptions,
  ) {
    const { height, width } = spec;
    const { directory, name, note, workers } = options;
    this.#images = images;
    this.#size = { height, width };
    this.#note = note;
    this.#pool = new DecodePool(preparation, workers);
    const shape = { count: images.length, height, width };
    this.#slots = directory === undefined
      ? new MemorySlots()
      : openDiskSlots(directory, name, shape, JSON.stringify([preparation, images.map(locationKey)]), note);
    if (!this.#slots.holds(images.length * height * width * 3)) return;
    for (const [sample, place] of images.entries()) {
      if (typeof place === "string" || place.block === undefined) continue;
      const block = this.#blocks.get(place.block);
      if (block === undefined) this.#blocks.set(place.block, [sample]);
      else block.push(sample);
    }
  }

  /** The image of a sample. Throws, or rejects with, a UserError that names a file that is missing or cannot be decoded. */
  image(sample: number): RgbImage | Promise<RgbImage> {
    const place = this.#images[sample];
    if (place === undefined) throw new RangeError(`Image ${sample} is outside 0..${this.#images.length - 1}`);
    const started = this.#underWay.get(sample);
    if (started !== undefined) return started;
    const fingerprint = fingerprintOf(typeof place === "string" ? place : place.file);
    const pixels = this.#slots.read(sample, fingerprint);
    if (pixels !== undefined) return { pixels, ...this.#size };
    const decoding = this.#start(sample, place, fingerprint);
    const block = typeof place === "string" ? undefined : this.#blocks.get(place.block ?? "");
    for (const other of block ?? []) {
      if (this.#underWay.has(other) || this.#slots.has(other, fingerprint)) continue;
      this.#start(other, this.#images[other]!, fingerprint).catch(() => {}); // told to who asks for it
    }
    return decoding;
  }

  #start(sample: number, place: ImageLocation, fingerprint: bigint): Promise<RgbImage> {
    const decoding = this.#decode(sample, place, fingerprint).finally(() => this.#underWay.delete(sample));
    this.#underWay.set(sample, decoding);
    return decoding;
  }

  async #decode(sample: number, place: ImageLocation, fingerprint: bigint): Promise<RgbImage> {
    const image = await this.#pool.decode(place);
    try {
      this.#slots.write(sample, fingerprint, image.pixels);
    } catch (error) {
      this.#note?.(`Cannot write the image cache, images are decoded again: ${(error as Error).message}`);
      this.#note = undefined; // once is enough
      this.#blocks.clear(); // what nobody waits for would be decoded in vain
    }
    return image;
  }

  close(): void {
    this.#pool.close();
    this.#slots.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** A number that changes when a file does: made from its length and time of change, and never 0. */
function fingerprintOf(path: string): bigint {
  let about: Deno.FileInfo;
  try {
    about = Deno.statSync(path);
  } catch (cause) {
    throw new UserError(`Cannot read the image ${path}: ${(cause as Error).message}`, { cause });
  }
  const text = `${about.size} ${about.mtime?.getTime()}`;
  return createHash("sha256").update(text).digest().readBigUInt64LE() | 1n;
}
