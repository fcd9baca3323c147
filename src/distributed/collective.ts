/** Processes that train one model together, its ranks: what they tell each other, whatever carries it. */
import { UserError } from "../base/user_error.ts";

/**
 * All ranks call the same of these in the same order, each with its own values; each call ends when all have made it. `what` says
 * what that is, in the error of one that waited too long for the others.
 */
export interface Collective {
  /** Which of the processes this is, from 0. */
  readonly rank: number;
  /** How many there are. */
  readonly size: number;
  /** Adds values up over all ranks, in place: each then has the same, to the bit. All give as many. */
  sum(values: Float32Array<ArrayBuffer>, what: string): Promise<void>;
  /** Gives one of as many equal parts to each rank, by rank; returns what each gave to this one, by rank. */
  exchange(parts: Uint32Array<ArrayBuffer>, what: string): Promise<Uint32Array<ArrayBuffer>>;
  /** What each rank gives, as much as any other, one after the other by rank. */
  collect(values: Uint32Array<ArrayBuffer>, what: string): Promise<Uint32Array<ArrayBuffer>>;
  /** What each rank gives, by rank; little, and what JSON can hold. */
  gather<T>(value: T, what: string): Promise<T[]>;
}

/** Processes that a launcher started, and which end together. */
export interface Ranks extends Collective {
  /** Ends all ranks at once, this one as well, with this exit status. */
  abort(status: number): Promise<never>;
  /** Takes leave of the others: all ranks do, and call nothing else afterwards. */
  leave(): Promise<void>;
}

/** One process, which has nobody to wait for. */
export const ALONE: Collective = {
  rank: 0,
  size: 1,
  sum: () => Promise.resolve(),
  exchange: (parts) => Promise.resolve(parts),
  collect: (values) => Promise.resolve(values),
  gather: (value) => Promise.resolve([value]),
};

/** A rank waited too long for others: one of them hangs, or has ended without a word. */
export class RankMissing extends Error {
  override name = "RankMissing";
}

/** The errors of collective calls that others tell apart, by name. */
export const RANK_ERRORS = { UserError, RankMissing };

/** True for all ranks where it is for one. */
export async function any(collective: Collective, value: boolean, what: string): Promise<boolean> {
  if (collective.size === 1) return value;
  const count = Float32Array.of(value ? 1 : 0);
  await collective.sum(count, what);
  return count[0]! > 0;
}

/** Runs `body` in rank 0, then in all others at once: these find what the first has fetched, or put in order. */
export async function firstAlone<T>(
  collective: Collective,
  what: string,
  body: () => T | Promise<T>,
): Promise<T> {
  if (collective.rank > 0) await collective.gather(null, what);
  const result = await body();
  if (collective.rank === 0) await collective.gather(null, what);
  return result;
}

/**
 * Throws a UserError unless all ranks have the same facts, which it names with both sides. What ranks compute is added up, so
 * that a difference would be in the weights and nowhere else.
 */
export async function mustBeAlike(
  collective: Collective,
  facts: Readonly<Record<string, string>>,
): Promise<void> {
  const [first, ...others] = await collective.gather(facts, "comparing what ranks were started with");
  for (const [i, other] of others.entries()) {
    const names = Object.keys({ ...first, ...other });
    const name = names.find((name) => first![name] !== other[name]);
    if (name === undefined) continue;
    throw new UserError(
      `Ranks must be started alike, but ${name} is ${first![name] ?? "not there"} for rank 0 and ` +
        `${other[name] ?? "not there"} for rank ${i + 1}`,
    );
  }
}
