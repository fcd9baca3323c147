/** Hands jobs to a number of workers that run one module. */
import type { Answer, Numbered } from "./serve_jobs.ts";

/** The jobs that a worker holds at once: one at work, and one so that it need not wait for the next. */
const JOBS_A_WORKER = 2;
/** More workers only compete for memory. */
const MOST_WORKERS = 32;
/** Workers without work keep their memory, and the program from ending, for this long. */
const IDLE_MILLISECONDS = 5000;

/** A job, and the buffers of it that are given away. */
export interface Sent<Job> {
  readonly job: Job;
  readonly transfer?: Transferable[];
}

interface Waiting<Job, Result> {
  readonly make: () => Sent<Job> | Promise<Sent<Job>>;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

interface Member<Job, Result> {
  readonly worker: Worker;
  readonly jobs: Map<number, Waiting<Job, Result>>;
}

/** Thrown where the pool was closed before the job was done. */
export class PoolClosed extends Error {
  override name = "PoolClosed";
}

/**
 * Hands jobs to workers of one module, which answers them by `serveJobs`: first come, first served. Workers start when
 * there is work for them and end with `close()` or after some seconds without any.
 */
export class WorkerPool<Job, Result> {
  readonly size: number;
  readonly #module: URL;
  #members: Member<Job, Result>[] = [];
  #waiting: { number: number; open: Waiting<Job, Result> }[] = [];
  #next = 0;
  #closed = false;
  #idle: ReturnType<typeof setTimeout> | undefined;

  /** `size` is the largest number of workers. */
  constructor(module: URL, size: number = navigator.hardwareConcurrency) {
    this.#module = module;
    this.size = Math.max(1, Math.min(size, MOST_WORKERS));
  }

  /** The result of a job. Rejects with the error of the worker, or with `PoolClosed`. Buffers in `transfer` are given away. */
  run(job: Job, transfer: Transferable[] = []): Promise<Result> {
    return this.runMade(() => ({ job, transfer }));
  }

  /** As `run`, of a job that is made when a worker takes it: what waits holds no memory. Rejects with what `make` throws. */
  runMade(make: () => Sent<Job> | Promise<Sent<Job>>): Promise<Result> {
    if (this.#closed) return Promise.reject(new PoolClosed("the pool is closed"));
    return new Promise((resolve, reject) => {
      clearTimeout(this.#idle);
      this.#waiting.push({ number: this.#next++, open: { make, resolve, reject } });
      this.#hand();
    });
  }

  /** Ends the workers; what was not done yet is rejected. */
  close(): void {
    this.#closed = true;
    const open = [
      ...this.#members.flatMap(({ jobs }) => [...jobs.values()]),
      ...this.#waiting.map(({ open }) => open),
    ];
    this.#waiting = [];
    this.#endWorkers();
    for (const { reject } of open) reject(new PoolClosed("the pool was closed"));
  }

  /** Ends the workers after a while in which nothing comes. */
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
      let member = this.#members.reduce<Member<Job, Result> | undefined>(
        (best, one) => best === undefined || one.jobs.size < best.jobs.size ? one : best,
        undefined,
      );
      if ((member === undefined || member.jobs.size > 0) && this.#members.length < this.size) {
        member = this.#start();
      }
      if (member === undefined || member.jobs.size >= JOBS_A_WORKER) return;
      const { number, open } = this.#waiting.shift()!;
      member.jobs.set(number, open);
      this.#send(member, number, open);
    }
  }

  async #send(
    { worker, jobs }: Member<Job, Result>,
    number: number,
    open: Waiting<Job, Result>,
  ): Promise<void> {
    try {
      const { job, transfer = [] } = await open.make();
      worker.postMessage({ number, job } satisfies Numbered<Job>, transfer);
    } catch (error) {
      jobs.delete(number);
      open.reject(error);
      this.#hand();
      this.#rest();
    }
  }

  #start(): Member<Job, Result> {
    const worker = new Worker(this.#module, { type: "module" });
    const member: Member<Job, Result> = { worker, jobs: new Map() };
    worker.onmessage = ({ data }: MessageEvent<Answer<Result>>) => {
      const open = member.jobs.get(data.number);
      member.jobs.delete(data.number);
      if ("error" in data) open?.reject(new Error(data.error));
      else open?.resolve(data.result);
      this.#hand();
      this.#rest();
    };
    // The jobs of a worker that dies are lost; the others go on, and a new one starts when it is needed.
    worker.onerror = (event) => {
      event.preventDefault();
      worker.terminate();
      this.#members = this.#members.filter((one) => one !== member);
      for (const { reject } of member.jobs.values()) reject(new Error(`the worker failed: ${event.message}`));
      this.#hand();
      this.#rest();
    };
    this.#members.push(member);
    return member;
  }
}
