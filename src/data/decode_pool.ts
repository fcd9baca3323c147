import { UserError } from "../io/user_error.ts";
import type { DecodeAnswer, DecodeJob } from "./decode_worker.ts";
import type { RgbImage } from "./image.ts";
import type { ImagePreparation } from "./prepare_image.ts";

/** Jobs a worker holds at once: one at work, one so that it need not wait for the next. */
const JOBS_A_WORKER = 2;
/** More workers only compete for memory. */
const MOST_WORKERS = 32;
/** Workers without work keep their memory, and the program from ending, for this long. */
const IDLE_MILLISECONDS = 5000;

interface Job {
  path: string;
  resolve: (image: RgbImage) => void;
  reject: (error: unknown) => void;
}

interface Member {
  worker: Worker;
  jobs: Map<number, Job>;
}

/**
 * Decodes and prepares image files in workers, first come, first served. Workers start when there is work for them and
 * end with `close()` or after some seconds without any; which of them decodes an image changes nothing about it.
 */
export class DecodePool {
  readonly size: number;
  readonly #preparation: ImagePreparation;
  #members: Member[] = [];
  #waiting: { number: number; job: Job }[] = [];
  #next = 0;
  #closed = false;
  #idle: ReturnType<typeof setTimeout> | undefined;

  /** `size` is the largest number of workers. */
  constructor(preparation: ImagePreparation, size: number = navigator.hardwareConcurrency) {
    this.#preparation = preparation;
    this.size = Math.max(1, Math.min(size, MOST_WORKERS));
  }

  /** The prepared image of a file. Rejects with a UserError that names the file where it cannot be read. */
  decode(path: string): Promise<RgbImage> {
    if (this.#closed) return Promise.reject(new Error(`Cannot decode ${path}: the pool is closed`));
    return new Promise((resolve, reject) => {
      clearTimeout(this.#idle);
      this.#waiting.push({ number: this.#next++, job: { path, resolve, reject } });
      this.#hand();
    });
  }

  /** Ends the workers; what was not decoded yet is rejected. */
  close(): void {
    this.#closed = true;
    const open = [
      ...this.#members.flatMap(({ jobs }) => [...jobs.values()]),
      ...this.#waiting.map(({ job }) => job),
    ];
    this.#waiting = [];
    this.#endWorkers();
    for (const { path, reject } of open) reject(new Error(`Cannot decode ${path}: the pool was closed`));
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Sees to it that workers end if nothing comes for a while. */
  #rest(): void {
    if (this.#members.length === 0 || this.#members.some(({ jobs }) => jobs.size > 0)) return;
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => this.#endWorkers(), IDLE_MILLISECONDS);
  }

  #endWorkers(): void {
    clearTimeout(this.#idle);
    for (const { worker } of this.#members) worker.terminate();
    this.#members = [];
  }

  /** Hands waiting jobs to the least busy workers, and starts workers while there is more to do than they take. */
  #hand(): void {
    while (this.#waiting.length > 0) {
      let member = this.#members.reduce<Member | undefined>(
        (best, one) => best === undefined || one.jobs.size < best.jobs.size ? one : best,
        undefined,
      );
      if ((member === undefined || member.jobs.size > 0) && this.#members.length < this.size) {
        member = this.#start();
      }
      if (member === undefined || member.jobs.size >= JOBS_A_WORKER) return;
      const { number, job } = this.#waiting.shift()!;
      member.jobs.set(number, job);
      member.worker.postMessage(
        { number, path: job.path, preparation: this.#preparation } satisfies DecodeJob,
      );
    }
  }

  #start(): Member {
    const worker = new Worker(new URL("./decode_worker.ts", import.meta.url), { type: "module" });
    const member: Member = { worker, jobs: new Map() };
    worker.onmessage = ({ data }: MessageEvent<DecodeAnswer>) => {
      const job = member.jobs.get(data.number);
      member.jobs.delete(data.number);
      if (job !== undefined) {
        if ("error" in data) job.reject(new UserError(`Cannot read the image ${job.path}: ${data.error}`));
        else job.resolve({ pixels: data.pixels, height: data.height, width: data.width });
      }
      this.#hand();
      this.#rest();
    };
    // A worker that dies takes with it what it was given; the others go on, and a new one starts when needed.
    worker.onerror = (event) => {
      event.preventDefault();
      worker.terminate();
      this.#members = this.#members.filter((one) => one !== member);
      for (const { path, reject } of member.jobs.values()) {
        reject(new UserError(`Cannot read the image ${path}: its decoder failed: ${event.message}`));
      }
      this.#hand();
      this.#rest();
    };
    this.#members.push(member);
    return member;
  }
}
