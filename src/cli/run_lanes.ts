/** Where runs are made beside each other: in workers of this process, or by other ranks. */
import { devicesOfRanks, sharedDevices } from "../app/rank_devices.ts";
import { amongRanks } from "../app/ranks.ts";
import { Stop } from "../app/stop.ts";
import { UserError } from "../base/user_error.ts";
import { holdDrivers } from "../gpu/adapter.ts";
import type { Collective } from "../distributed/collective.ts";
import { Post } from "../distributed/post.ts";
import { output } from "../report/output.ts";
import type { RunsFlags } from "./planned_runs.ts";
import { RunServer, type Tells, type Told } from "./run_server.ts";

/** Who follows what is made in a lane. */
export interface Listener {
  readonly heard: (message: Tells) => void;
  /** The lane is of no use any more, for a reason that is of this run alone. */
  readonly broken: (why: string) => void;
  /** It is gone, and with it all others. */
  readonly lost: (error: unknown) => void;
}

/** One place where one run at a time is made. */
export interface Lane extends Disposable {
  tell(message: Told): void;
  /** Follows the next run, in place of who did before. */
  listen(listener: Listener): void;
}

/** A worker, with a device of its own. */
export function workerLane(): Lane {
  holdDrivers().catch(() => {}); // what is wrong with them, the worker tells
  const worker = new Worker(new URL("./run_worker.ts", import.meta.url), { type: "module" });
  return {
    tell: (message) => worker.postMessage(message),
    listen({ heard, broken }) {
      worker.onmessage = ({ data }: MessageEvent<Tells>) => heard(data);
      worker.onerror = (event) => {
        event.preventDefault();
        worker.terminate();
        broken(event.message);
      };
    },
    [Symbol.dispose]: () => worker.terminate(),
  };
}

/** Another rank, which runs `serveRuns`. */
export class RankLane implements Lane {
  readonly #send: (message: Plain) => void;
  #listener: Listener | undefined;
  #lost: { readonly error: unknown } | undefined;

  constructor(send: (message: Plain) => void) {
    this.#send = send;
  }

  tell(message: Told): void {
    this.#send(asJson(message));
  }

  listen(listener: Listener): void {
    this.#listener = listener;
    if (this.#lost) listener.lost(this.#lost.error);
  }

  hear(message: Tells): void {
    this.#listener?.heard(message);
  }

  /** Nothing comes from the rank any more: who follows it is told, and whoever follows it later. */
  lose(error: unknown): void {
    this.#lost = { error };
    this.#listener?.lost(error);
  }

  [Symbol.dispose](): void {}
}

/**
 * Runs `body`, by the first rank where there are several: the others then make runs for it, in the lanes that it is given. Throws
 * a UserError for flags that are for one process.
 */
export function sharingRuns(
  { jobs = 1, dryRun = false }: RunsFlags,
  body: (lanes: readonly (() => Lane)[]) => Promise<void>,
): Promise<void> {
  return amongRanks(async (collective) => {
    const { rank, size } = collective;
    if (size === 1) return await body([]);
    const wrong = jobs > 1 ? "--jobs" : dryRun ? "--dry-run" : undefined;
    if (wrong !== undefined) {
      throw new UserError(`${wrong} is for one process, not ${size} ranks, each of which makes runs`);
    }
    const devices = await devicesOfRanks(collective);
    if (rank > 0) return await serveRuns(collective);
    for (const { what, cure } of sharedDevices(devices)) output.note(`Devices     ${what}; ${cure}`);
    await ledRuns(collective, body);
  });
}

/** Runs `body` with a lane for each rank. */
async function ledRuns(
  collective: Collective,
  body: (lanes: readonly (() => Lane)[]) => Promise<void>,
): Promise<void> {
  const post = new Post<Plain | Tells>(collective, (message, from) => {
    others[from - 1]!.hear(message as Tells);
  });
  const others = Array.from(
    { length: collective.size - 1 },
    (_, i) => new RankLane((message) => post.send(i + 1, message)),
  );
  const carried = post.run();
  carried.catch((error) => {
    for (const lane of others) lane.lose(error);
  });
  try {
    await body([workerLane, ...others.map((lane) => () => lane)]);
  } finally {
    post.close();
    await carried;
  }
}

/** Makes runs for the first rank until it has no more. A signal to this one stops those of all. */
async function serveRuns(collective: Collective): Promise<void> {
  const post = new Post<Plain | Tells>(collective, (message) => {
    server.told(fromJson(message as Plain)).catch((error) => {
      tell({ failure: { message: `unexpected: ${error}`, comesAgain: false } });
    });
  });
  const tell = (message: Tells) => post.send(0, message);
  using server = new RunServer(tell);
  using stop = new Stop(() => {});
  stop.signal.addEventListener("abort", () => server.stop());
  await post.run();
}

/** What JSON can hold of what lanes are told. */
type Plain = ReturnType<typeof asJson>;

function asJson(message: Told) {
  return "run" in message
    ? { ...message, run: { ...message.run, folders: [...message.run.folders] } }
    : message;
}

function fromJson(message: Plain): Told {
  return "run" in message
    ? { ...message, run: { ...message.run, folders: new Map(message.run.folders) } }
    : message;
}
