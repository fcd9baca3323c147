/** Makes several runs at once, each in a lane of its own. */
import { limitThreads } from "../app/software_threads.ts";
import type { RunsFolder } from "../experiments/experiment_folder.ts";
import type { ConsoleObserver } from "../report/console.ts";
import type { ReadyRun, RunsFlags } from "./planned_runs.ts";
import { type Lane, workerLane } from "./run_lanes.ts";
import { type Failure, type Goal, type Maker, RunMaker } from "./run_maker.ts";
import { ENDS } from "./run_server.ts";

/** One that makes as many runs at once as flags say, or in as many lanes as are given. */
export function makerOf(
  folder: RunsFolder,
  observer: ConsoleObserver,
  flags: RunsFlags,
  lanes: readonly (() => Lane)[] = [],
): Maker {
  const { jobs = 1 } = flags;
  if (jobs === 1 && lanes.length === 0) return new RunMaker(folder, observer, flags);
  const note = (message: string) => observer.note(message);
  if (lanes.length > 0) return new SideBySide(lanes, folder, note, flags);
  limitThreads(jobs);
  return new SideBySide(Array(jobs).fill(workerLane), folder, note, flags);
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
  /** Those that were not opened yet, or broke down. */
  readonly #closed: (() => Lane)[];
  readonly #idle: Lane[] = [];
  readonly #all: Lane[] = [];

  constructor(
    lanes: readonly (() => Lane)[],
    folder: RunsFolder,
    note: (message: string) => void,
    flags: RunsFlags,
  ) {
    this.jobs = lanes.length;
    this.#closed = lanes.toReversed();
    this.#folder = folder;
    this.#note = note;
    this.#flags = flags;
  }

  make(run: ReadyRun, goal: Goal, signal: AbortSignal): Promise<Failure | undefined> {
    const lane = this.#idle.pop() ?? this.#open();
    const stop = () => lane.tell({ stop: true });
    return new Promise<Failure | undefined>((resolve, reject) => {
      lane.listen({
        heard: (message) => {
          if ("note" in message) return this.#note(`${run.name}: ${message.note}`);
          this.#idle.push(lane);
          if (!("ended" in message)) return resolve(message.failure);
          // One that was told to stop by itself speaks for all.
          if (message.ended === "Interrupted") { for (const each of this.#all) each.tell({ stop: true }); }
          reject(new ENDS[message.ended](message.message));
        },
        broken: (why) => resolve({ message: `unexpected: ${why}`, comesAgain: false }),
        lost: reject,
      });
      signal.addEventListener("abort", stop, { once: true });
      if (signal.aborted) stop();
      lane.tell({ run, goal });
    }).finally(() => signal.removeEventListener("abort", stop));
  }

  [Symbol.dispose](): void {
    for (const lane of this.#all) lane[Symbol.dispose]();
  }

  #open(): Lane {
    const open = this.#closed.pop() ?? workerLane; // in place of one that broke down
    const lane = open();
    this.#all.push(lane);
    lane.tell({ folder: this.#folder.path, flags: this.#flags });
    return lane;
  }
}
