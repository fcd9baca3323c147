/** Keys of the counter-based generator (wgsl/lib/philox.wgsl): the same key gives the same numbers on every adapter. */

/** The key of one use of randomness. Kernels take it as parameters, and count the elements themselves. */
export type RandomKey = {
  /** The seed, lower 32 bits first. */
  readonly key0: number;
  readonly key1: number;
  /** The number of the use within the step. */
  readonly layer: number;
  readonly step: number;
};

/** Hands out the keys of one step, one for each use in the order of the forward pass. */
export class RandomKeys {
  readonly #seed: number;
  readonly #step: number;
  #layer = 0;

  /** `seed` is a whole number below 2^53, `step` below 2^32. Throws RangeError otherwise. */
  constructor(seed: number, step: number) {
    if (!Number.isSafeInteger(seed) || seed < 0) {
      throw new RangeError(`Cannot use seed ${seed}: it must be a whole number from 0 to 2^53 - 1`);
    }
    if (!Number.isInteger(step) || step < 0 || step >= 2 ** 32) {
      throw new RangeError(`Cannot use step ${step}: it must be a whole number from 0 to 2^32 - 1`);
    }
    this.#seed = seed;
    this.#step = step;
  }

  /** The next key; no two of a seed are equal. */
  next(): RandomKey {
    const key0 = this.#seed % 2 ** 32;
    return { key0, key1: (this.#seed - key0) / 2 ** 32, layer: this.#layer++, step: this.#step };
  }

  /** Keys that go on from the same place: running a layer a second time with them draws the same numbers. */
  clone(): RandomKeys {
    const keys = new RandomKeys(this.#seed, this.#step);
    keys.#layer = this.#layer;
    return keys;
  }
}
