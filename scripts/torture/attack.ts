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
  /**
   * Makes ready, in an empty folder of its own, what the tries share; gives why none can be made where something that they need is
   * not there. Tries run one after the other.
   */
  prepare(folder: string): Promise<Attack | string>;
}

export interface Tally {
  name: string;
  tried: number;
  survived: number;
  /** How many survivors ended in each way. */
  ways: Map<string, number>;
  failures: { number: number; failed: string }[];
  /** Why none was tried. */
  leftOut?: string;
  seconds: number;
}

/** Makes the tries of a class with these numbers; an error that a try throws is a failure of it. */
export async function attack(
  of: AttackClass,
  numbers: Iterable<number>,
  seed: number,
  folder: string,
  failed: (number: number, why: string) => void = () => {},
): Promise<Tally> {
  const started = performance.now();
  await using held = new AsyncDisposableStack();
  const once = await of.prepare(folder);
  const tally: Tally = { name: of.name, tried: 0, survived: 0, ways: new Map(), failures: [], seconds: 0 };
  if (typeof once === "string") return { ...tally, leftOut: once };
  held.defer(() => once[Symbol.asyncDispose]?.());
  for (const number of numbers) {
    const outcome = await once(number, new Random(keyOf(seed, number)))
      .catch((error): Outcome => ({
        failed: error instanceof Error ? error.stack ?? String(error) : `${error}`,
      }));
    tally.tried++;
    if ("failed" in outcome) {
      tally.failures.push({ number, failed: outcome.failed });
      failed(number, outcome.failed);
      continue;
    }
    tally.survived++;
    tally.ways.set(outcome.how, (tally.ways.get(outcome.how) ?? 0) + 1);
  }
  tally.seconds = (performance.now() - started) / 1000;
  return tally;
}
