/** Operations that give every value of a channel another one, as by Pillow's `ImageOps`. */
import type { RgbImage } from "../image.ts";
import type { ImageOperation, ImageOperations } from "./operation.ts";

export const TONES = {
  /** Keeps the upper 8 − m bits: from all of them to four. */
  Posterize: {
    isSigned: false,
    magnitude: (level) => 8 - Math.round(4 * level),
    apply: (image, bits) => mapEach(image, (value) => value & (0xff << (8 - bits))),
  },
  /** Turns values from the magnitude on to their opposites: from white alone to all. */
  Solarize: {
    isSigned: false,
    magnitude: (level) => 255 * (1 - level),
    apply: (image, threshold) => mapEach(image, (value) => value < threshold ? value : 255 - value),
  },
  AutoContrast: byCounts(stretched),
  Equalize: byCounts(equalized),
} as const satisfies ImageOperations;

/** Maps the bytes of an image, or every third from `first` on. */
export function mapEach(
  { pixels }: RgbImage,
  change: (value: number) => number,
  { first = 0, step = 1 } = {},
): void {
  const table = Uint8Array.from({ length: 256 }, (_, value) => change(value));
  for (let at = first; at < pixels.length; at += step) pixels[at] = table[pixels[at]!]!;
}

/** An operation that maps a channel by how often each of its values occurs, and leaves it where there is nothing to do. */
function byCounts(mapOf: (counts: Uint32Array) => ((value: number) => number) | undefined): ImageOperation {
  return {
    isSigned: false,
    magnitude: () => 0,
    apply(image) {
      for (let channel = 0; channel < 3; channel++) {
        const counts = new Uint32Array(256);
        for (let at = channel; at < image.pixels.length; at += 3) counts[image.pixels[at]!]!++;
        const change = mapOf(counts);
        if (change) mapEach(image, change, { first: channel, step: 3 });
      }
    },
  };
}

/** The darkest value becomes 0 and the lightest 255. */
function stretched(counts: Uint32Array) {
  const low = counts.findIndex((count) => count > 0), high = counts.findLastIndex((count) => count > 0);
  if (high <= low) return undefined;
  const scale = 255 / (high - low);
  return (value: number) => Math.min(255, Math.max(0, Math.trunc(value * scale - low * scale)));
}

/** All values become about as frequent as each other. */
function equalized(counts: Uint32Array) {
  const used = counts.filter((count) => count > 0);
  if (used.length < 2) return undefined;
  const step = Math.floor((used.reduce((sum, count) => sum + count, 0) - used.at(-1)!) / 255);
  if (step === 0) return undefined;
  const table = new Uint8Array(256);
  let below = Math.floor(step / 2);
  counts.forEach((count, value) => {
    table[value] = Math.min(255, Math.floor(below / step));
    below += count;
  });
  return (value: number) => table[value]!;
}
