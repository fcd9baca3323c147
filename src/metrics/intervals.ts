/** Intervals that say how far a share of samples may be from the share that all samples there are would give. */

export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** The 97.5 % point of the normal distribution. */
const Z = 1.959963984540054;

/**
 * Wilson's 95 % score interval of a share, `right` of `samples` (Wilson, 1927): it stays between 0 and 1, and has a width
 * where all or none are right. Of no samples it is [0, 1].
 */
export function wilson(right: number, samples: number): Interval {
  if (samples === 0) return { low: 0, high: 1 };
  const share = right / samples;
  const spread = Z ** 2 / samples;
  const middle = (share + spread / 2) / (1 + spread);
  const half = Z * Math.sqrt(share * (1 - share) / samples + spread / (4 * samples)) / (1 + spread);
  // At the ends both are equal but for rounding.
  return { low: right === 0 ? 0 : middle - half, high: right === samples ? 1 : middle + half };
}
