/** Decodes image files in workers. */
import { UserError } from "../../base/user_error.ts";
import type { DecodeJob } from "./decode_worker.ts";
import { type ImageLocation, nameOf } from "../stored_bytes.ts";
import type { RgbImage } from "../images/image.ts";
import type { ImagePreparation } from "../images/prepare_image.ts";
import { PoolClosed, WorkerPool } from "./worker_pool.ts";

/** Decodes and prepares image files in workers; which of them decodes an image changes nothing about it. */
export class DecodePool {
  readonly #preparation: ImagePreparation;
  readonly #pool: WorkerPool<DecodeJob, RgbImage>;

  /**
   * `workers` is the largest number of them, as many as the machine has cores if not given; `mostMilliseconds` the time after
   * which an image is given up.
   */
  constructor(preparation: ImagePreparation, workers?: number, mostMilliseconds?: number) {
    this.#preparation = preparation;
    this.#pool = new WorkerPool(new URL("./decode_worker.ts", import.meta.url), workers, mostMilliseconds);
  }

  /** The largest number of workers. */
  get size(): number {
    return this.#pool.size;
  }

  /** The prepared image of a file. Rejects with a UserError that names the file where it cannot be read. */
  async decode(image: ImageLocation): Promise<RgbImage> {
    const name = nameOf(image);
    try {
      const preparation = this.#preparation;
      if (typeof image === "string") return await this.#pool.run({ source: image, preparation });
      return await this.#pool.runMade(async () => {
        const source = await image.read();
        return { job: { source, preparation }, transfer: [source.buffer] };
      });
    } catch (cause) {
      const { message } = cause as Error;
      if (cause instanceof PoolClosed) throw new Error(`Cannot decode ${name}: ${message}`, { cause });
      throw new UserError(`Cannot read the image ${name}: ${message}`, { cause });
    }
  }

  /** As `decode`, of the bytes of a file. Rejects with an Error that says what is wrong with them. */
  async decodeBytes(source: Uint8Array<ArrayBuffer>, mostPixels?: number): Promise<RgbImage> {
    const job = { source, preparation: this.#preparation, ...(mostPixels !== undefined && { mostPixels }) };
    return await this.#pool.run(job);
  }

  /** Ends the workers; what was not decoded yet is rejected. */
  close(): void {
    this.#pool.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
