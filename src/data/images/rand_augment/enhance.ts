/**
 * Operations that move an image away from a duller one, or towards it: brightness from black, contrast from its mean grey,
 * colour from its greys, sharpness from a smoothed one. With the magnitude m, x becomes dull + (1 + m) (x − dull), as by
 * Pillow's `ImageEnhance`.
 */
import type { RgbImage } from "../image.ts";
import type { ImageOperation, ImageOperations } from "./operation.ts";
import { mapEach } from "./tones.ts";

const MOST = 0.9;

export const ENHANCE = {
  Brightness: enhancement(() => 0),
  Color: enhancement(greys),
  Contrast: enhancement(meanGrey),
  Sharpness: enhancement(smoothed),
} as const satisfies ImageOperations;

/** An operation away from the dull image, which is given by its bytes, or by the one that all of them are. */
function enhancement(dullOf: (image: RgbImage) => Uint8Array | number): ImageOperation {
  return {
    isSigned: true,
    magnitude: (level) => level * MOST,
    apply(image, magnitude) {
      const factor = Math.fround(1 + magnitude);
      const dull = dullOf(image);
      if (typeof dull === "number") return mapEach(image, (value) => away(dull, value, factor));
      const { pixels } = image;
      for (let at = 0; at < pixels.length; at++) pixels[at] = away(dull[at]!, pixels[at]!, factor);
    },
  };
}

/** Pillow computes in 32 bits, and cuts fractions off, as the array of bytes does that takes this. */
function away(dull: number, value: number, factor: number): number {
  return Math.min(255, Math.max(0, Math.fround(dull + Math.fround(factor * (value - dull)))));
}

/** Grey of a pixel (ITU-R BT.601) as Pillow rounds it. */
function greyAt(pixels: Uint8Array, at: number): number {
  return (pixels[at]! * 19595 + pixels[at + 1]! * 38470 + pixels[at + 2]! * 7471 + 0x8000) >> 16;
}

function greys({ pixels }: RgbImage): Uint8Array {
  const grey = new Uint8Array(pixels.length);
  for (let at = 0; at < pixels.length; at += 3) {
    grey[at] = grey[at + 1] = grey[at + 2] = greyAt(pixels, at);
  }
  return grey;
}

function meanGrey({ pixels }: RgbImage): number {
  let sum = 0;
  for (let at = 0; at < pixels.length; at += 3) sum += greyAt(pixels, at);
  return Math.floor(sum / (pixels.length / 3) + 0.5);
}

/** The mean of the 3 × 3 pixels around, of which the middle one weighs 5; pixels at the edge stay. */
function smoothed({ pixels, height, width }: RgbImage): Uint8Array {
  const smooth = pixels.slice(), stride = width * 3;
  for (let row = 1; row < height - 1; row++) {
    for (let at = row * stride + 3; at < (row + 1) * stride - 3; at++) {
      const above = at - stride, below = at + stride;
      const sum = pixels[above - 3]! + pixels[above]! + pixels[above + 3]! +
        pixels[at - 3]! + 5 * pixels[at]! + pixels[at + 3]! +
        pixels[below - 3]! + pixels[below]! + pixels[below + 3]!;
      smooth[at] = sum / 13 + 0.5;
    }
  }
  return smooth;
}
