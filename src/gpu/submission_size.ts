/**
 * How many dispatches are submitted at once. Many, since a submission costs the host as much as a hundred dispatches; but
 * drivers take a device for dead that works on one for seconds, and a desktop waits for its end.
 */

/** The most dispatches of a submission, so that the device starts while the rest is encoded. */
export const MOST_DISPATCHES = 256;
/** No submission shall take longer. */
export const SUBMISSION_MILLISECONDS = 200;

/** What a submission of dispatches of average length takes: those of one may be four times as long as the average. */
const AIM = SUBMISSION_MILLISECONDS / 4;
/** Of an adapter of which nothing is known yet. */
const FIRST = 16;

/**
 * Learns from how long it takes from a submission until all has run, whenever that is waited for anyway. That is no less
 * than what the device needs; where the host made it wait, submissions are smaller than they might be.
 */
export class SubmissionSize {
  readonly #isWatched: boolean;
  readonly #now: () => number;
  #dispatches: number;
  /** What was submitted since the last wait: when that began, how much it is, and whether some of it is no measure. */
  #running: { readonly start: number; dispatches: number; isUnusual: boolean } | undefined;

  /** `isWatched`: a driver may take the device for dead. No driver watches a software adapter, which is given the most. */
  constructor(isWatched: boolean, now: () => number = () => performance.now()) {
    this.#isWatched = isWatched;
    this.#now = now;
    this.#dispatches = isWatched ? FIRST : MOST_DISPATCHES;
  }

  /** Dispatches of a submission, 1 to `MOST_DISPATCHES`. */
  get dispatches(): number {
    return this.#dispatches;
  }

  /** `isUnusual`: it took other things besides, such as compiling, and is no measure. */
  submitted(dispatches: number, isUnusual: boolean): void {
    this.#running ??= { start: this.#now(), dispatches: 0, isUnusual: false };
    this.#running.dispatches += dispatches;
    this.#running.isUnusual ||= isUnusual;
  }

  /** All that was submitted has run. The size falls at once as far as it must, and at most doubles. */
  waited(): void {
    const running = this.#running;
    this.#running = undefined;
    if (!this.#isWatched || running === undefined || running.isUnusual || running.dispatches === 0) return;
    const milliseconds = Math.max(this.#now() - running.start, 1e-3);
    const fitting = Math.max(1, Math.floor(running.dispatches * AIM / milliseconds));
    // A few dispatches that were quick do not show how long many take.
    const most = running.dispatches >= this.#dispatches ? 2 * this.#dispatches : this.#dispatches;
    this.#dispatches = Math.min(fitting, most, MOST_DISPATCHES);
  }
}
