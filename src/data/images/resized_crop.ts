/** Draws a part of an image, of any size and shape within bounds, which training sees in place of all of it. */
import type { Random } from "../../base/random.ts";
import type { Box } from "./resample.ts";

export interface ResizedCrop {
  /** The bounds of the part's area, as a share of the image's. */
  readonly scale: readonly [number, number];
  /** The bounds of its width by its height. */
  readonly ratio: readonly [number, number];
}

/** Parts that are drawn before the middle of the image is taken. */
const TRIES = 10;

/**
 * Draws a part as torchvision's `RandomResizedCrop` does: its area is uniform within the bounds, and so is the logarithm of
 * its ratio, in whole pixels; the first of ten that fits is taken, anywhere in the image. Where none fits, it is the largest
 * part of a ratio within the bounds, from the middle.
 */
export function drawCrop(
  { scale, ratio }: ResizedCrop,
  random: Random,
  { height, width }: { readonly height: number; readonly width: number },
): Box {
  for (let tries = 0; tries < TRIES; tries++) {
    const area = height * width * random.between(...scale);
    const shape = Math.exp(random.between(Math.log(ratio[0]), Math.log(ratio[1])));
    const across = Math.round(Math.sqrt(area * shape)), down = Math.round(Math.sqrt(area / shape));
    if (across < 1 || across > width || down < 1 || down > height) continue;
    const top = Math.floor(random.uniform() * (height - down + 1));
    const left = Math.floor(random.uniform() * (width - across + 1));
    return { left, top, right: left + across, bottom: top + down };
  }
  const across = Math.min(width, Math.round(height * ratio[1]));
  const down = Math.min(height, Math.round(width / ratio[0]));
  const left = Math.floor((width - across) / 2), top = Math.floor((height - down) / 2);
  return { left, top, right: left + across, bottom: top + down };
}
