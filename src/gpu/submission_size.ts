/**
 * How much is submitted at once. Many dispatches, since a submission costs the host as much as a hundred of them; but drivers
 * take a device for dead that works on one submission for seconds, and a desktop waits for its end.
 */
import type { Dispatch } from "./dispatch.ts";

/** The most dispatches of a submission, so that the device starts while the rest is encoded. */
export const MOST_DISPATCHES = 256;
/** No submission shall take longer. */
export const SUBMISSION_MILLISECONDS = 200;

/** What a submission of average dispatches takes, and a piece of a long one: where the average misleads, there is time left. */
const AIM = SUBMISSION_MILLISECONDS / 4;
/**
 * Of an adapter of which nothing is known yet. The effort is two seconds of one that computes 20 GFLOP/s: less would cut what a
 * fast adapter does in a millisecond, and have it compile kernels for nothing.
 */
const FIRST = { dispatches: 16, effort: 4e10 };
/** Operations in the time of a byte: from 5 on integrated GPUs to 50 on others. */
const OPERATIONS_PER_BYTE = 10;

/** How long a dispatch takes beside others: its operations, and as many for each byte as adapters do meanwhile. */
export function effortOf({ work, buffers }: Pick<Dispatch, "work" | "buffers">): number {
  const { operations = 0, bytes } = work?.() ?? {};
  if (bytes !== undefined) return operations + OPERATIONS_PER_BYTE * bytes;
  let bound = 0;
  for (const name in buffers) bound += buffers[name]!.bytes;
  return operations + OPERATIONS_PER_BYTE * bound;
}

/** Dispatches, and their effort in all. */
export interface Encoded {
  dispatches: number;
  effort: number;
}

/**
 * Learns from how long it takes from a submission until all has run, whenever that is waited for anyway. That is no less
 * than what the device needs; where the host made it wait, submissions are smaller than they might be.
 */
export class SubmissionSize {
  /** A driver may take the device for dead. No driver watches a software adapter, which is given the most. */
  readonly isWatched: boolean;
  readonly #now: () => number;
  /** At most, of a submission. */
  #most: Readonly<Encoded>;
  #open: Encoded = { dispatches: 0, effort: 0 };
  /** What was submitted since the last wait: when that began, how much it is, and whether some of it is no measure. */
  #running: Encoded & { readonly start: number; isUnusual: boolean } | undefined;

  constructor(isWatched: boolean, now: () => number = () => performance.now()) {
    this.isWatched = isWatched;
    this.#now = now;
    this.#most = isWatched ? FIRST : { dispatches: MOST_DISPATCHES, effort: Infinity };
  }

  /** The number of pieces that a dispatch is to be cut into, 1 for a short one. */
  piecesFor(effort: number): number {
    return Math.max(1, Math.ceil(effort / this.#most.effort));
  }

  /** Counts a dispatch that was encoded; true where it is the last of a submission. */
  encoded(effort: number): boolean {
    this.#open.dispatches++;
    this.#open.effort += effort;
    return this.#open.dispatches >= this.#most.dispatches || this.#open.effort >= this.#most.effort;
  }

  /** Ends a submission: what was encoded for it. */
  close(): Encoded {
    const encoded = this.#open;
    this.#open = { dispatches: 0, effort: 0 };
    return encoded;
  }

  /** What was encoded is submitted. `isUnusual`: it takes other things besides, such as compiling, and is no measure. */
  submitted(isUnusual: boolean, { dispatches, effort } = this.close()): void {
    this.#running ??= { start: this.#now(), dispatches: 0, effort: 0, isUnusual: false };
    this.#running.dispatches += dispatches;
    this.#running.effort += effort;
    this.#running.isUnusual ||= isUnusual;
  }

  /** All that was submitted has run. Sizes fall at once as far as they must, and grow to twice what was seen at most. */
  waited(): void {
    const running = this.#running;
    this.#running = undefined;
    if (!this.isWatched || running === undefined || running.isUnusual || running.dispatches === 0) return;
    const { dispatches, effort } = this.#most;
    const milliseconds = Math.max(this.#now() - running.start, 1e-3);
    const fitting = Math.max(1, Math.floor(running.dispatches * AIM / milliseconds));
    // A few dispatches that were quick do not show how long many take.
    const most = running.dispatches >= dispatches ? 2 * dispatches : dispatches;
    // Nor does little work that took little time, most of it not for the work, say how fast much is done.
    const asFast = Math.max(1, running.effort * AIM / milliseconds);
    this.#most = {
      dispatches: Math.min(fitting, most, MOST_DISPATCHES),
      effort: milliseconds >= AIM ? asFast : Math.max(effort, Math.min(asFast, 2 * running.effort)),
    };
  }
}
