/** Makes several runs at once, each in a worker with a device of its own. */
import { limitThreads } from "../app/software_threads.ts";
import type { RunsFolder } from "../experiments/experiment_folder.ts";
import type { ConsoleObserver } from "../report/console.ts";
import type { ReadyRun, RunsFlags } from "./planned_runs.ts";
import { type Failure, type Goal, type Maker, RunMaker } from "./run_maker.ts";
import { ENDS, type Tells, type Told } from "./run_worker.ts";

/** One that makes as many runs at once as flags say. */
export function makerOf(folder: RunsFolder, observer: ConsoleObserver, flags: RunsFlags): Maker {
  const { jobs = 1 } = flags;
  return jobs === 1
    ? new RunMaker(folder, observer, flags)
    : new SideBySide(folder, (message) => observer.note(message), flags, jobs);
}

/** Calls `body` for all items in their order, for as many at once as `jobs`; after one rejects it waits for those begun, and rejects. */
export async function eachOf<T>(
  items: readonly T[],
  jobs: number,
  body: (item: T, index: number) => Promise<void>,
): Promise<void> {
  let next = 0, isOver = false;
  const lane = async () => {
    try {
      while (next < items.length && !isOver) {
        const index = next++;
        await body(items[index]!, index);
      }
    } catch (error) {
      isOver = true;
      throw error;
    }
  };
  const ended = await Promise.allSettled(Array.from({ length: Math.min(jobs, items.length) }, lane));
  for (const one of ended) if (one.status === "rejected") throw one.reason;
}

class SideBySide implements Maker {
  readonly jobs: number;
  readonly #folder: RunsFolder;
  readonly #note: (message: string) => void;
  readonly #flags: RunsFlags;
  readonly #idle: Worker[] = [];
  readonly #all: Worker[] = [];

  constructor(folder: RunsFolder, note: (message: string) => void, flags: RunsFlags, jobs: number) {
    this.jobs = jobs;
    this.#folder = folder;
    this.#note = note;
    this.#flags = flags;
    limitThreads(jobs);
  }

  make(run: ReadyRun, goal: Goal, signal: AbortSignal): Promise<Failure | undefined> {
    const worker = this.#idle.pop() ?? this.#start();
    const tell = (message: Told) => worker.postMessage(message);
    const stop = () => tell({ stop: true });
    return new Promise<Failure | undefined>((resolve, reject) => {
      worker.onmessage = ({ data }: MessageEvent<Tells>) => {
        if ("note" in data) return this.#note(`${run.name}: ${data.note}`);
        this.#idle.push(worker);
        if ("failure" in data) resolve(data.failure);
        else reject(new ENDS[data.ended](data.message));
      };
      worker.onerror = (event) => {
        event.preventDefault();
        worker.terminate();
        resolve({ message: `unexpected: ${event.message}`, comesAgain: false });
      };
      signal.addEventListener("abort", stop, { once: true });
      if (signal.aborted) stop();
      tell({ run, goal });
    }).finally(() => signal.removeEventListener("abort", stop));
  }

  [Symbol.dispose](): void {
    for (const worker of this.#all) worker.terminate();
  }

  #start(): Worker {
    const worker = new Worker(new URL("./run_worker.ts", import.meta.url), { type: "module" });
    this.#all.push(worker);
    worker.postMessage({ folder: this.#folder.path, flags: this.#flags } satisfies Told);
    return worker;
  }
}
