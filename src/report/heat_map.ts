/** Draws how much each patch of an image weighs over the image. */
import { encode } from "fast-png";
import type { RgbImage } from "../data/images/image.ts";
import type { PatchWeights } from "../train/explainer.ts";

/** The colour of what weighs most, and how much of the image it covers there. */
const COLOUR = [226, 61, 18] as const;
const COVER = 0.75;

/**
 * The image in grey, the redder the more a patch weighs, as a PNG whose longer side has at least `side` pixels: pixels are
 * repeated a whole number of times, and weights pass smoothly from the middle of one patch to the next.
 */
export function heatMap(
  { pixels, height, width }: RgbImage,
  { rows, columns, weights }: PatchWeights,
  side: number,
): Uint8Array<ArrayBuffer> {
  const factor = Math.max(1, Math.ceil(side / Math.max(height, width)));
  const target = { height: factor * height, width: factor * width };
  const most = Math.max(...weights, Number.MIN_VALUE);
  const data = new Uint8Array(target.height * target.width * 3);
  const across = Array.from({ length: target.width }, (_, x) => between(x, target.width, columns));
  for (let y = 0; y < target.height; y++) {
    const down = between(y, target.height, rows);
    for (let x = 0; x < target.width; x++) {
      const { low, high, share } = across[x]!;
      const line = (row: number) =>
        (1 - share) * weights[row * columns + low]! + share * weights[row * columns + high]!;
      const weight = (1 - down.share) * line(down.low) + down.share * line(down.high);
      const from = 3 * (Math.floor(y / factor) * width + Math.floor(x / factor));
      const grey = 0.299 * pixels[from]! + 0.587 * pixels[from + 1]! + 0.114 * pixels[from + 2]!;
      const cover = COVER * weight / most;
      const to = 3 * (y * target.width + x);
      for (const [i, own] of COLOUR.entries()) data[to + i] = Math.round((1 - cover) * grey + cover * own);
    }
  }
  return new Uint8Array(encode({ ...target, data, channels: 3, depth: 8 }));
}

/** The two patches between whose middles a pixel lies, and how near it is to the second. */
function between(pixel: number, pixels: number, patches: number) {
  const place = Math.min(Math.max((pixel + 0.5) * patches / pixels - 0.5, 0), patches - 1);
  const low = Math.floor(place);
  return { low, high: Math.min(low + 1, patches - 1), share: place - low };
}
