/** Estimates how certain a difference between two models is, by resampling the samples they were tested on. */
import { keyOf, Random } from "../base/random.ts";

/** For each sample 1 where the prediction of a run is right, else 0. */
export type Correct = Uint8Array;

/** Models trained with the same seed and tested on the same samples. */
export interface Pairing {
  readonly model: Correct; // [samples]
  readonly baseline: Correct; // [samples]
}

export interface Difference {
  /** The difference of accuracies, model minus baseline, averaged over the pairings. */
  readonly difference: number;
  /** The ends of the 95 % percentile interval. */
  readonly low: number;
  readonly high: number;
}

export const RESAMPLES = 4000;
const SEED = 1;

/**
 * The mean difference of accuracies and its interval (Efron's percentile bootstrap, paired: every sample brings the
 * predictions of both models and of all seeds along). The seeds are averaged over and not resampled: the interval covers
 * the results that other test samples might have given for these runs. The same numbers give the same interval. Throws a
 * RangeError where there is nothing to compare, or samples differ in number.
 */
export function pairedBootstrap(pairings: readonly Pairing[]): Difference {
  const samples = pairings[0]?.model.length ?? 0;
  if (samples === 0) throw new RangeError("Cannot compare models without a sample");
  // Gains are counted in whole numbers, so that sums are exact whatever their order.
  const gains = new Int32Array(samples);
  for (const { model, baseline } of pairings) {
    if (model.length !== samples || baseline.length !== samples) {
      throw new RangeError(
        `Cannot pair ${model.length} and ${baseline.length} samples: all must be ${samples}`,
      );
    }
    for (let i = 0; i < samples; i++) gains[i]! += model[i]! - baseline[i]!;
  }
  const random = new Random(keyOf(SEED, samples));
  const sums = Int32Array.from({ length: RESAMPLES }, () => {
    let sum = 0;
    for (let i = 0; i < samples; i++) sum += gains[Math.floor(samples * random.uniform())]!;
    return sum;
  }).sort();
  const fraction = (sum: number) => sum / (samples * pairings.length);
  return {
    difference: fraction(gains.reduce((sum, gain) => sum + gain, 0)),
    low: fraction(quantile(sums, 0.025)),
    high: fraction(quantile(sums, 0.975)),
  };
}

/** A quantile of sorted values, interpolated between the two nearest as numpy does by default. */
function quantile(sorted: Int32Array, q: number): number {
  const at = q * (sorted.length - 1);
  const below = sorted[Math.floor(at)]!;
  const above = sorted[Math.ceil(at)]!;
  return below + (at - Math.floor(at)) * (above - below);
}
