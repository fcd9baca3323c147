/** Ranks that `unis launch` started on one host: each is connected to each. */
import { setTimeout } from "node:timers/promises";
import { RankMissing, type Ranks } from "./collective.ts";
import { type Link, LinkClosed } from "./link.ts";
import { meet, type Place } from "./meeting.ts";

/** Milliseconds in which the launcher, which knows why another rank has ended, ends this one. */
const GRACE = 2000;

/** Calls may be made before others have ended: they are answered in their order. */
export class Sockets implements Ranks {
  readonly rank: number;
  readonly size: number;
  readonly #links: ReadonlyMap<number, Link>;
  readonly #launcher: Link;
  /** Seconds after which others count as missing. */
  readonly #patience: number;
  #hasLauncher = true;
  /** The end of the last call so far. */
  #before: Promise<unknown> = Promise.resolve();
  /** What others gave, while it is added up. */
  #parts = new Float32Array(0);

  private constructor(
    { rank, size }: Place,
    { links, launcher }: Awaited<ReturnType<typeof meet>>,
    seconds: number,
  ) {
    this.rank = rank;
    this.size = size;
    this.#links = links;
    this.#launcher = launcher;
    this.#patience = seconds;
    // It says nothing more: a launcher that was killed leaves its ranks to end by themselves.
    launcher.receive().catch(() => this.#close());
  }

  /** Joins the others. Throws `RankMissing` where they do not come, or have ended before. */
  static async join(place: Place, seconds: number): Promise<Sockets> {
    const missing = () => `Waited ${seconds} s for other ranks (UNIS_MPI_TIMEOUT) in: meeting them`;
    try {
      return new Sockets(place, await within(seconds, meet(place), missing), seconds);
    } catch (error) {
      if (!(error instanceof LinkClosed)) throw error;
      throw new RankMissing("unis launch or another rank has ended, in: meeting other ranks");
    }
  }

  /**
   * Of values that are shared out, each rank adds up its share, in the order of ranks, and gives the sums to all: none depends on
   * who comes first.
   */
  sum(values: Float32Array<ArrayBuffer>, what: string): Promise<void> {
    return this.#inTurn(async () => {
      const begin = (rank: number) => Math.floor(rank * values.length / this.size);
      const shareOf = (rank: number) => values.subarray(begin(rank), begin(rank + 1));
      const own = shareOf(this.rank);
      if (this.#parts.length < this.size * own.length) {
        this.#parts = new Float32Array(this.size * own.length);
      }
      const partOf = (rank: number) => this.#parts.subarray(rank * own.length, (rank + 1) * own.length);
      partOf(this.rank).set(own);
      await this.#swap(what, shareOf, partOf);
      own.set(partOf(0));
      for (let rank = 1; rank < this.size; rank++) add(own, partOf(rank));
      await this.#swap(what, () => own, shareOf);
    });
  }

  exchange(parts: Uint32Array<ArrayBuffer>, what: string): Promise<Uint32Array<ArrayBuffer>> {
    return this.#receive(parts.length / this.size, (rank, length) => {
      return parts.subarray(rank * length, (rank + 1) * length);
    }, what);
  }

  collect(values: Uint32Array<ArrayBuffer>, what: string): Promise<Uint32Array<ArrayBuffer>> {
    return this.#receive(values.length, () => values, what);
  }

  /** What all ranks have for this one, by rank, each so many words, where this one has `wordsFor` each. */
  #receive(
    length: number,
    wordsFor: (rank: number, length: number) => Uint32Array<ArrayBuffer>,
    what: string,
  ): Promise<Uint32Array<ArrayBuffer>> {
    return this.#inTurn(async () => {
      const received = new Uint32Array(this.size * length);
      const partOf = (rank: number) => received.subarray(rank * length, (rank + 1) * length);
      partOf(this.rank).set(wordsFor(this.rank, length));
      await this.#swap(what, (rank) => wordsFor(rank, length), partOf);
      return received;
    });
  }

  gather<T>(value: T, what: string): Promise<T[]> {
    return this.#inTurn(async () => {
      const all = Array<T>(this.size);
      all[this.rank] = JSON.parse(JSON.stringify(value));
      await this.#withOthers(what, async (link, rank) => {
        const [, other] = await Promise.all([link.sendValue(value), link.receiveValue()]);
        all[rank] = other as T;
      });
      return all;
    });
  }

  abort(status: number): Promise<never> {
    Deno.exit(status); // at which the launcher ends the others
  }

  async leave(): Promise<void> {
    await this.gather(null, "the end of the others");
    this.#close();
  }

  #close(): void {
    this.#hasLauncher = false;
    for (const link of [...this.#links.values(), this.#launcher]) link.close();
  }

  #inTurn<T>(body: () => Promise<T>): Promise<T> {
    const own = this.#before.then(body);
    this.#before = own.catch(() => {});
    return own;
  }

  /** Sends to each other rank what is for it, and receives what it sends into what is to hold that. */
  #swap(what: string, from: (rank: number) => Words, into: (rank: number) => Words): Promise<void> {
    return this.#withOthers(what, async (link, rank) => {
      await Promise.all([link.send(bytesOf(from(rank))), link.receiveInto(bytesOf(into(rank)))]);
    });
  }

  /** Does something with all other ranks at once. Throws `RankMissing`, which names those that it was not done with in time. */
  async #withOthers(what: string, body: (link: Link, rank: number) => Promise<void>): Promise<void> {
    const silent = new Set(this.#links.keys());
    const all = Array.from(this.#links, async ([rank, link]) => {
      await body(link, rank).catch((error) => this.#ended(error, rank, what));
      silent.delete(rank);
    });
    const missing = () =>
      `Waited ${this.#patience} s for rank ${[...silent].join(", ")} (UNIS_MPI_TIMEOUT) in: ${what}`;
    await within(this.#patience, Promise.all(all), missing);
  }

  async #ended(error: unknown, rank: number, what: string): Promise<never> {
    if (!(error instanceof LinkClosed)) throw error;
    if (this.#hasLauncher) await setTimeout(GRACE);
    throw new RankMissing(`${this.#hasLauncher ? `Rank ${rank}` : "unis launch"} has ended, in: ${what}`);
  }
}

/** What a promise gives. Throws `RankMissing` where that takes too long. */
async function within<T>(seconds: number, promise: Promise<T>, message: () => string): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = globalThis.setTimeout(() => reject(new RankMissing(message())), 1000 * seconds);
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

type Words = Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>;

function bytesOf({ buffer, byteOffset, byteLength }: Words): Uint8Array<ArrayBuffer> {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

function add(sums: Float32Array, values: Float32Array): void {
  for (let i = 0; i < sums.length; i++) sums[i]! += values[i]!;
}
