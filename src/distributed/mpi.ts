/** Ranks that a launcher of MPI started. */
import { type Collective, RANK_ERRORS, type Ranks } from "./collective.ts";
import type { Launched } from "./launcher.ts";
import type { Answered, Asked } from "./mpi_worker.ts";

/** What is under way: how it ends, and what it reads and writes, which nothing else may keep from being collected. */
interface Open extends PromiseWithResolvers<unknown> {
  readonly held: readonly ArrayBufferView[];
}

const addressOf = (values: ArrayBufferView<ArrayBuffer>) =>
  Deno.UnsafePointer.value(Deno.UnsafePointer.of(values));

/**
 * A thread of its own calls MPI, which on most systems exchanges nothing but while it is called, and the main thread is often held
 * up: by encoding, or by waiting for its device.
 */
export class Mpi implements Ranks {
  readonly rank: number;
  readonly size: number;
  readonly #thread: Thread;

  private constructor(thread: Thread, { rank, size }: Pick<Collective, "rank" | "size">) {
    this.#thread = thread;
    this.rank = rank;
    this.size = size;
  }

  /**
   * Joins the others. Throws a UserError where there is no library, or another than the launcher's, and `RankMissing` where not all
   * come within so many seconds, or any later call waits longer for them.
   */
  static async join(started: Launched, seconds: number): Promise<Mpi> {
    const thread = new Thread();
    return new Mpi(thread, await thread.ask({ kind: "join", started, seconds }) as Mpi);
  }

  async sum(values: Float32Array<ArrayBuffer>, what: string): Promise<void> {
    const asked = { kind: "sum", address: addressOf(values), length: values.length, what } as const;
    await this.#thread.ask(asked, [values]);
  }

  exchange(parts: Uint32Array<ArrayBuffer>, what: string): Promise<Uint32Array<ArrayBuffer>> {
    return this.#send(parts, parts.length / this.size, false, what);
  }

  collect(values: Uint32Array<ArrayBuffer>, what: string): Promise<Uint32Array<ArrayBuffer>> {
    return this.#send(values, values.length, true, what);
  }

  /** Sends so many words to each rank, the same to all if they are `alike`. */
  async #send(values: Uint32Array<ArrayBuffer>, length: number, alike: boolean, what: string) {
    const received = new Uint32Array(length * this.size);
    const [from, to] = [addressOf(values), addressOf(received)];
    await this.#thread.ask({ kind: "send", from, to, bytes: 4 * length, alike, what }, [values, received]);
    return received;
  }

  async gather<T>(value: T, what: string): Promise<T[]> {
    const texts = await this.#thread.ask({ kind: "gather", text: JSON.stringify(value), what });
    return (texts as string[]).map((text) => JSON.parse(text));
  }

  abort(status: number): Promise<never> {
    return this.#thread.ask({ kind: "abort", status }) as Promise<never>;
  }

  async leave(): Promise<void> {
    await this.#thread.ask({ kind: "leave" });
  }
}

/** It is there to the end of the process: with it, MPI's library would be unloaded, of which threads go on. */
class Thread {
  readonly #worker = new Worker(new URL("./mpi_worker.ts", import.meta.url), { type: "module" });
  /** In the order in which it was asked, which is that of the answers. */
  readonly #open: Open[] = [];

  constructor() {
    this.#worker.onmessage = ({ data }: MessageEvent<Answered>) => {
      const { resolve, reject } = this.#open.shift()!;
      if ("value" in data) return resolve(data.value);
      const { error, message } = data;
      reject(error === "Error" ? new Error(message) : new RANK_ERRORS[error](message));
    };
    this.#worker.onerror = (event) => {
      event.preventDefault();
      for (const { reject } of this.#open.splice(0)) {
        reject(new Error(`MPI's thread failed: ${event.message}`));
      }
    };
  }

  ask(asked: Asked, held: readonly ArrayBufferView[] = []): Promise<unknown> {
    const open: Open = { ...Promise.withResolvers<unknown>(), held };
    this.#open.push(open);
    this.#worker.postMessage(asked);
    return open.promise;
  }
}
