/** The finaliser of MurmurHash3: spreads every input bit over all 32 output bits. */
export function mixBits(value: number): number {
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return (value ^ (value >>> 16)) >>> 0;
}

/** Folds integers such as (seed, epoch, sample) into one 32-bit key; their order matters. */
export function keyOf(...parts: number[]): number {
  let key = 0x9e3779b9;
  for (const part of parts) key = mixBits(Math.imul(key, 31) + part + 0x6d2b79f5);
  return key;
}

/** Random numbers of one key (Mulberry32), for choices made on the CPU: cheap to start, one for every sample. */
export class Random {
  #state: number;

  constructor(key: number) {
    this.#state = key >>> 0;
  }

  /** Uniform in [0, 1). */
  uniform(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  /** Uniform in [low, high). */
  between(low: number, high: number): number {
    return low + (high - low) * this.uniform();
  }

  /**
   * Of Beta(a, a). For a up to 1 by Jöhnk's way: of U^(1/a) and V^(1/a) that sum to at most 1, the share of one. Beyond by
   * Ulrich's: ½ + ½ √(1 − U^(2 / (2a − 1))) cos 2πV.
   */
  beta(a: number): number {
    if (a > 1) {
      const radius = Math.sqrt(1 - this.uniform() ** (2 / (2 * a - 1)));
      return 0.5 + 0.5 * radius * Math.cos(2 * Math.PI * this.uniform());
    }
    while (true) {
      const [u, v] = [this.uniform() ** (1 / a), this.uniform() ** (1 / a)];
      if (u + v > 0 && u + v <= 1) return u / (u + v);
    }
  }

  /** Fisher-Yates shuffle, in place. */
  shuffle<T>(items: { [index: number]: T; readonly length: number }): void {
    for (let i = items.length - 1; i > 0; i--) {
      const j = Math.floor(this.uniform() * (i + 1));
      const item = items[i]!;
      items[i] = items[j]!;
      items[j] = item;
    }
  }
}
