/** How long the rest of training takes, at the pace of this session. */

export class RemainingTime {
  readonly #start = performance.now();
  readonly #fraction: number;

  /** `fraction`: the share of training that was done before the session. */
  constructor(fraction: number) {
    this.#fraction = fraction;
  }

  /** Seconds until all of it is done, now that the share `fraction` is. */
  at(fraction: number): number {
    const seconds = (performance.now() - this.#start) / 1000;
    return seconds * (1 - fraction) / Math.max(1e-9, fraction - this.#fraction);
  }
}
