/** Resamples the images of a batch in workers. */
import { resampleAll, type Resamplings } from "../images/resample.ts";
import { WorkerFailed, WorkerPool } from "./worker_pool.ts";

/** More workers are not needed to be ahead of any device, and each takes memory. */
const MOST_WORKERS = 8;

/** Resamples the images of a batch in workers, so that the thread that drives the device need not. */
export class ResamplePool {
  readonly #pool: WorkerPool<Resamplings, { readonly pixels: Uint8Array }>;

  /** `workers` is the largest number of them; one core is left to the thread that asks if none is given. */
  constructor(workers: number = Math.min(navigator.hardwareConcurrency - 1, MOST_WORKERS)) {
    this.#pool = new WorkerPool(new URL("./resample_worker.ts", import.meta.url), workers);
  }

  /** Gives what `resampleAll` gives: in this thread, where workers die over it. */
  async resample({ images, height, width }: Resamplings): Promise<Uint8Array<ArrayBuffer>> {
    const count = Math.ceil(images.length / this.#pool.size);
    const size = height * width * 3;
    const pixels = new Uint8Array(images.length * size);
    const parts: Promise<void>[] = [];
    for (let first = 0; first < images.length; first += count) {
      const own = images.slice(first, first + count);
      const part = this.#pool.runMade(() => {
        // Workers are sent copies, since an image may be a view of a buffer that holds many.
        const copies = own.map(({ image, how }) => ({
          image: { ...image, pixels: new Uint8Array(image.pixels) },
          how,
        }));
        return {
          job: { images: copies, height, width },
          transfer: copies.map(({ image }) => image.pixels.buffer),
        };
      });
      const made = part.then(({ pixels }) => pixels, (error) => {
        if (!(error instanceof WorkerFailed)) throw error;
        return resampleAll({ images: own, height, width });
      });
      parts.push(made.then((made) => pixels.set(made, first * size)));
    }
    try {
      await Promise.all(parts);
    } catch (cause) {
      const { message } = cause as Error;
      throw new Error(`Cannot resample ${images.length} images to ${height} x ${width}: ${message}`, {
        cause,
      });
    }
    return pixels;
  }

  /** Ends the workers; what was not done yet is rejected. */
  close(): void {
    this.#pool.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
