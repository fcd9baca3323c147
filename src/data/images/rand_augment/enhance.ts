/**
 * Operations that move an image away from a duller one, or towards it: brightness from black, contrast from its mean grey,
 * colour from its greys, sharpness from a smoothed one. With the magnitude m, x becomes dull + (1 + m) (x − dull), as by
 * Pillow's `ImageEnhance`.
 */
import type { RgbImage } from "../image.ts";
import type { ImageOperation, ImageOperations } from "./operation.ts";

const MOST = 0.9;

export const ENHANCE = {
  Brightness: enhancement(() => 0),
  Color: enhancement(({ pixels }) => (at) => greyAt(pixels, at - at % 3)),
  Contrast: enhancement(meanGrey),
  Sharpness: enhancement(smoothed),
} as const satisfies ImageOperations;

/** The dull image, given by its value at a place among the bytes, or by the one that it has everywhere. */
type Dull = number | ((at: number) => number);

function enhancement(dullOf: (image: RgbImage) => Dull): ImageOperation {
  return {
    isSigned: true,
    magnitude: (level) => level * MOST,
    apply(image, magnitude) {
      const factor = Math.fround(1 + magnitude);
      const source: RgbImage = { ...image, pixels: image.pixels.slice() };
      const dull = dullOf(source);
      for (let at = 0; at < source.pixels.length; at++) {
        const from = typeof dull === "number" ? dull : dull(at);
        // Pillow computes in 32 bits, and cuts fractions off.
        const value = Math.fround(from + Math.fround(factor * (source.pixels[at]! - from)));
        image.pixels[at] = Math.min(255, Math.max(0, value));
      }
    },
  };
}

/** Grey of a pixel (ITU-R BT.601) as Pillow rounds it. */
function greyAt(pixels: Uint8Array, at: number): number {
  return (pixels[at]! * 19595 + pixels[at + 1]! * 38470 + pixels[at + 2]! * 7471 + 0x8000) >> 16;
}

function meanGrey({ pixels }: RgbImage): number {
  let sum = 0;
  for (let at = 0; at < pixels.length; at += 3) sum += greyAt(pixels, at);
  return Math.floor(sum / (pixels.length / 3) + 0.5);
}

/** The mean of the 3 × 3 pixels around, of which the middle one weighs 5; pixels at the edge stay. */
function smoothed({ pixels, height, width }: RgbImage): Dull {
  const stride = width * 3;
  return (at) => {
    const row = Math.floor(at / stride), within = at % stride;
    if (row === 0 || row === height - 1 || within < 3 || within >= stride - 3) return pixels[at]!;
    let sum = 4 * pixels[at]!;
    for (let line = at - stride; line <= at + stride; line += stride) {
      sum += pixels[line - 3]! + pixels[line]! + pixels[line + 3]!;
    }
    return Math.floor(sum / 13 + 0.5);
  };
}
