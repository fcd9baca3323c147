/** What a class of attacks is: numbered tries, each of which the program survives or not. */
import { keyOf, Random } from "../../src/base/random.ts";

/** How a try ended. A try survives as `how` says, the same few words for all that ended so; or it failed, as told. */
export type Outcome = { how: string } | { failed: string };

/**
 * Makes one try: everything it chooses comes of `random`, so that its number alone repeats it. What it keeps running between
 * tries, it ends by being disposed of.
 */
export type Attack = ((number: number, random: Random) => Promise<Outcome>) & Partial<AsyncDisposable>;

export interface AttackClass {
  /** By which it is chosen, and a row of the table is called. */
  name: string;
  /** What is done, and what must come of it, in a sentence. */
  what: string;
  /** How many tries the long form makes, and the short one. */
  tries: { long: number; short: number };
  /** It measures times: no other class may be attacked meanwhile. */
  isTimed?: true;
  /**
   * Makes ready, in an empty folder of its own, what the tries share; gives why none can be made where something that they need is
   * not there. Tries run one after the other.
   */
  prepare(folder: string): Promise<Attack | string>;
}

/** Makes the tries of a class with these numbers, and tells how each ended; gives why none was made, where that is so. */
export async function attack(
  of: AttackClass,
  numbers: Iterable<number>,
  seed: number,
  folder: string,
  ended: (number: number, outcome: Outcome) => void,
): Promise<string | undefined> {
  await using held = new AsyncDisposableStack();
  const once = await of.prepare(folder);
  if (typeof once === "string") return once;
  held.defer(() => once[Symbol.asyncDispose]?.());
  for (const number of numbers) {
    const outcome = await once(number, new Random(keyOf(seed, number))).catch((error): Outcome => ({
      failed: told(error),
    }));
    ended(number, outcome);
  }
  return undefined;
}

/** An error that a try throws is a failure of it. */
const told = (error: unknown) => error instanceof Error ? error.stack ?? String(error) : `${error}`;

/** The tries of a class that have been made. */
export class Tally {
  tried = 0;
  /** How many survivors ended in each way. */
  readonly ways = new Map<string, number>();
  readonly failures: { number: number; failed: string }[] = [];
  /** Why none was tried. */
  leftOut?: string;
  /** By the clock, and of processors where the system tells. */
  seconds = 0;
  processorSeconds?: number | undefined;

  get survived(): number {
    return this.tried - this.failures.length;
  }

  add(number: number, outcome: Outcome): void {
    this.tried++;
    if ("failed" in outcome) this.failures.push({ number, failed: outcome.failed });
    else this.ways.set(outcome.how, (this.ways.get(outcome.how) ?? 0) + 1);
  }
}
