/** Mirrors images of a batch at random, as the published code does in evaluation too. */
import type { Batch } from "../batch.ts";
import { keyOf, Random } from "../../base/random.ts";

/**
 * The batch with each image mirrored, left to right, with a probability, by (seed, row) alone: the same at every
 * evaluation. The published code flips images at random in evaluation as in training, whatever they show.
 */
export function mirrorAtRandom(batch: Batch, probability: number, seed: number): Batch {
  const modalities = { ...batch.modalities };
  for (const [name, input] of Object.entries(modalities)) {
    if (input.kind !== "image") continue;
    const { height, width, present } = input;
    const isMirrored = Array.from(
      batch.rows.filter((_, i) => present?.[i] !== 0),
      (row) => new Random(keyOf(seed, row)).uniform() < probability,
    );
    const pixels = input.pixels.slice();
    for (const [sample, mirrored] of isMirrored.entries()) {
      if (!mirrored) continue;
      for (let line = sample * height; line < (sample + 1) * height; line++) {
        for (let x = 0; x < width; x++) {
          const from = 3 * (line * width + x);
          pixels.set(input.pixels.subarray(from, from + 3), 3 * (line * width + width - 1 - x));
        }
      }
    }
    modalities[name] = { ...input, pixels };
  }
  return { ...batch, modalities };
}
