/** Ranks that are tasks of one process: what MPI does between processes, without it. */
import type { Collective } from "../../src/distributed/collective.ts";
import { Meeting } from "../../src/distributed/meeting.ts";
import { Sockets } from "../../src/distributed/sockets.ts";

/** Runs `body` as so many ranks beside each other; gives what each does, by rank. */
export async function asRanks<T>(size: number, body: (collective: Collective) => Promise<T>): Promise<T[]> {
  const ranks = new Ranks(size);
  return await Promise.all(Array.from({ length: size }, (_, rank) => body(ranks.of(rank))));
}

/** The same, by connections between them. */
export async function asSockets<T>(size: number, body: (collective: Collective) => Promise<T>): Promise<T[]> {
  using meeting = new Meeting(size);
  return await Promise.all(Array.from({ length: size }, async (_, rank) => {
    const own = await Sockets.join(meeting.placeOf(rank), 30);
    const result = await body(own);
    await own.leave();
    return result;
  }));
}

/** Both, by what they are called. */
export const FORMS = { "in memory": asRanks, "by sockets": asSockets };

class Ranks {
  readonly #size: number;
  #given: unknown[] = [];
  #what: string | undefined;
  #turn = Promise.withResolvers<unknown[]>();

  constructor(size: number) {
    this.#size = size;
  }

  of(rank: number): Collective {
    const given = <T>(value: T, what: string) => this.#all(rank, value, what) as Promise<T[]>;
    return {
      rank,
      size: this.#size,
      gather: async (value, what) =>
        (await given(JSON.stringify(value), what)).map((text) => JSON.parse(text)),
      async exchange(parts, what) {
        const all = await given(parts.slice(), `${what}, ${parts.length}`);
        const length = parts.length / all.length;
        return joined(all.map((one) => one.subarray(rank * length, (rank + 1) * length)));
      },
      collect: async (values, what) => joined(await given(values.slice(), `${what}, ${values.length}`)),
      async sum(values, what) {
        const all = await given(values.slice(), `${what}, ${values.length}`);
        values.forEach((_, i) => values[i] = all.reduce((sum, one) => Math.fround(sum + one[i]!), 0));
      },
    };
  }

  /** What all give, once all have; throws where ranks do not call the same. */
  async #all(rank: number, value: unknown, what: string): Promise<unknown[]> {
    const turn = this.#turn;
    this.#what ??= what;
    if (what !== this.#what) {
      turn.reject(new Error(`Rank ${rank} is at "${what}", another at "${this.#what}"`));
    }
    this.#given[rank] = value;
    if (Object.keys(this.#given).length === this.#size) {
      turn.resolve(this.#given);
      [this.#given, this.#what, this.#turn] = [[], undefined, Promise.withResolvers()];
    }
    return await turn.promise;
  }
}

const joined = (arrays: readonly Uint32Array<ArrayBuffer>[]) =>
  Uint32Array.from(arrays.flatMap((array) => [...array]));
