/** Hands jobs to a number of workers that run one module. */
import type { Answer, Numbered } from "./serve_jobs.ts";

/** The jobs that a worker holds at once: one at work, and one so that it need not wait for the next. */
const JOBS_A_WORKER = 2;
/** More workers only compete for memory. */
const MOST_WORKERS = 32;
/** A job is given up after this long if not said: the largest images take some seconds on a slow machine. */
const MOST_MILLISECONDS = 60_000;
/** Workers without work keep their memory, and the program from ending, for this long. */
const IDLE_MILLISECONDS = 5000;

/** A job, and the buffers of it that are given away. */
export interface Sent<Job> {
  readonly job: Job;
  readonly transfer?: Transferable[];
}

interface Waiting<Job, Result> {
  readonly number: number;
  readonly make: () => Sent<Job> | Promise<Sent<Job>>;
  /** A worker that held it has failed: it is tried once more, by one that holds nothing else, which shows whose fault it was. */
  isSuspect?: boolean;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

interface Member<Job, Result> {
  readonly worker: Worker;
  readonly jobs: Map<number, Waiting<Job, Result>>;
  /** Runs out where it takes too long over a job. */
  patience?: ReturnType<typeof setTimeout> | undefined;
}

/** Thrown where the pool was closed before the job was done. */
export class PoolClosed extends Error {
  override name = "PoolClosed";
}

/** Thrown where two workers died over a job, or took too long over it. */
export class WorkerFailed extends Error {
  override name = "WorkerFailed";
}

/**
 * Hands jobs to workers of one module, which answers them by `serveJobs`: first come, first served. Workers start when
 * there is work for them and end with `close()` or after some seconds without any. One that dies, or takes too long over a job,
 * is replaced, and its jobs are made and tried once more.
 */
export class WorkerPool<Job, Result> {
  readonly size: number;
  readonly #module: URL;
  readonly #mostMilliseconds: number;
  #members: Member<Job, Result>[] = [];
  #waiting: Waiting<Job, Result>[] = [];
  #next = 0;
  #closed = false;
  #idle: ReturnType<typeof setTimeout> | undefined;

  /** `size` is the largest number of workers, `mostMilliseconds` the longest that a job may take one. */
  constructor(
    module: URL,
    size: number = navigator.hardwareConcurrency,
    mostMilliseconds = MOST_MILLISECONDS,
  ) {
    this.#module = module;
    this.#mostMilliseconds = mostMilliseconds;
    this.size = Math.max(1, Math.min(size, MOST_WORKERS));
  }

  /** The result of a job. Rejects with the error of the worker, or with `PoolClosed`. */
  run(job: Job): Promise<Result> {
    return this.runMade(() => ({ job }));
  }

  /**
   * As `run`, of a job that is made when a worker takes it: what waits holds no memory. It is made again where that worker
   * fails. Rejects with what `make` throws.
   */
  runMade(make: () => Sent<Job> | Promise<Sent<Job>>): Promise<Result> {
    if (this.#closed) return Promise.reject(new PoolClosed("the pool is closed"));
    return new Promise((resolve, reject) => {
      clearTimeout(this.#idle);
      this.#waiting.push({ number: this.#next++, make, resolve, reject });
      this.#hand();
    });
  }

  /** Ends the workers; what was not done yet is rejected. */
  close(): void {
    this.#closed = true;
    const open = [
      ...this.#members.flatMap(({ jobs }) => [...jobs.values()]),
      ...this.#waiting,
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
    for (const member of this.#members) this.#end(member);
    this.#members = [];
  }

  /** Ends a worker. It holds no jobs from then on: those that are still being made for it are not sent. */
  #end(member: Member<Job, Result>): void {
    clearTimeout(member.patience);
    member.worker.terminate();
    member.jobs.clear();
  }

  /** Hands waiting jobs to the least busy workers, and starts workers while there is more to do than they take. */
  #hand(): void {
    while (this.#waiting.length > 0) {
      let member = this.#members.reduce<Member<Job, Result> | undefined>(
        (best, one) => best === undefined || loadOf(one) < loadOf(best) ? one : best,
        undefined,
      );
      if ((member === undefined || member.jobs.size > 0) && this.#members.length < this.size) {
        member = this.#start();
      }
      const most = this.#waiting[0]!.isSuspect ? 1 : JOBS_A_WORKER;
      if (member === undefined || loadOf(member) >= most) return;
      const open = this.#waiting.shift()!;
      member.jobs.set(open.number, open);
      this.#send(member, open);
    }
  }

  async #send(member: Member<Job, Result>, open: Waiting<Job, Result>): Promise<void> {
    const { number } = open;
    try {
      const { job, transfer = [] } = await open.make();
      // The worker may have ended meanwhile, and another have got the job.
      if (member.jobs.get(number) !== open) return;
      member.worker.postMessage({ number, job } satisfies Numbered<Job>, transfer);
      if (member.patience === undefined) this.#await(member);
    } catch (error) {
      member.jobs.delete(number);
      this.#await(member);
      open.reject(error);
      this.#hand();
      this.#rest();
    }
  }

  /** Gives a worker time for the next of its jobs. */
  #await(member: Member<Job, Result>): void {
    clearTimeout(member.patience);
    member.patience = undefined;
    if (member.jobs.size === 0) return;
    const seconds = this.#mostMilliseconds / 1000;
    member.patience = setTimeout(
      () => this.#replace(member, `it took more than ${seconds} s, and was given up`),
      this.#mostMilliseconds,
    );
  }

  /** Ends a worker that failed. Its jobs are tried once more, but for those that were before. */
  #replace(member: Member<Job, Result>, why: string): void {
    const again = [...member.jobs.values()].filter((open) => {
      if (open.isSuspect) open.reject(new WorkerFailed(why));
      return !open.isSuspect;
    });
    this.#end(member);
    this.#members = this.#members.filter((one) => one !== member);
    for (const open of again) open.isSuspect = true;
    this.#waiting.unshift(...again);
    this.#hand();
    this.#rest();
  }

  #start(): Member<Job, Result> {
    const worker = new Worker(this.#module, { type: "module" });
    const member: Member<Job, Result> = { worker, jobs: new Map() };
    worker.onmessage = ({ data }: MessageEvent<Answer<Result>>) => {
      const open = member.jobs.get(data.number);
      member.jobs.delete(data.number);
      this.#await(member);
      if ("error" in data) open?.reject(new Error(data.error));
      else open?.resolve(data.result);
      this.#hand();
      this.#rest();
    };
    worker.onerror = (event) => {
      event.preventDefault();
      this.#replace(member, `the worker failed: ${event.message}`);
    };
    this.#members.push(member);
    return member;
  }
}

/** How much a worker has to do; one that shows whose fault it was takes nothing else. */
function loadOf<Job, Result>({ jobs }: Member<Job, Result>): number {
  return [...jobs.values()].some(({ isSuspect }) => isSuspect) ? JOBS_A_WORKER : jobs.size;
}
