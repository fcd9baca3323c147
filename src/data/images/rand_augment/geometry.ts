/** Operations that move pixels: shear, translation and rotation, each by Pillow's bilinear `transform(AFFINE)`. */
import type { RgbImage } from "../image.ts";
import type { ImageOperations, Size } from "./operation.ts";

/** Translations go up to 150 of 331 pixels, the size that AutoAugment's policies were found at. */
const MOST_SHIFT = 150 / 331;
const MOST_SHEAR = 0.3;
const MOST_DEGREES = 30;

export const GEOMETRY = {
  ShearX: {
    isSigned: true,
    magnitude: (level) => level * MOST_SHEAR,
    apply: (image, shear, fill) => transform(image, [1, shear, 0, 0, 1, 0], fill),
  },
  ShearY: {
    isSigned: true,
    magnitude: (level) => level * MOST_SHEAR,
    apply: (image, shear, fill) => transform(image, [1, 0, 0, shear, 1, 0], fill),
  },
  /** By whole pixels. */
  TranslateX: {
    isSigned: true,
    magnitude: (level, { width }) => Math.trunc(level * MOST_SHIFT * width),
    apply: (image, pixels, fill) => transform(image, [1, 0, -pixels, 0, 1, 0], fill),
  },
  TranslateY: {
    isSigned: true,
    magnitude: (level, { height }) => Math.trunc(level * MOST_SHIFT * height),
    apply: (image, pixels, fill) => transform(image, [1, 0, 0, 0, 1, -pixels], fill),
  },
  /** In degrees, against the clock, about the centre. */
  Rotate: {
    isSigned: true,
    magnitude: (level) => level * MOST_DEGREES,
    apply: (image, degrees, fill) => transform(image, rotation(degrees, image), fill),
  },
} as const satisfies ImageOperations;

/** From a place (x, y) of the result to that of the source: (a x + b y + c, d x + e y + f). */
type Affine = readonly [a: number, b: number, c: number, d: number, e: number, f: number];

function rotation(degrees: number, { height, width }: Size): Affine {
  const [cos, sin] = [Math.cos(degrees * Math.PI / 180), Math.sin(degrees * Math.PI / 180)];
  const [x, y] = [width / 2, height / 2];
  return [cos, -sin, x - cos * x + sin * y, sin, cos, y - sin * x - cos * y];
}

/**
 * Each pixel becomes the mean of the four around its centre's place in the source, by their nearness; beyond the last centres
 * those at the edge stand for their neighbours, and outside the image is `fill`. Fractions are cut off, as Pillow does.
 */
function transform({ pixels, height, width }: RgbImage, [a, b, c, d, e, f]: Affine, fill: number): void {
  const source = pixels.slice(), stride = width * 3;
  let to = 0;
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++, to += 3) {
      const x = a * (column + 0.5) + b * (row + 0.5) + c;
      const y = d * (column + 0.5) + e * (row + 0.5) + f;
      if (!(x >= 0 && x < width && y >= 0 && y < height)) {
        pixels.fill(fill, to, to + 3);
        continue;
      }
      const left = Math.floor(x - 0.5), top = Math.floor(y - 0.5);
      const right = x - 0.5 - left, below = y - 0.5 - top; // the weights of the right and the lower pixels
      const x0 = Math.max(left, 0) * 3, x1 = Math.min(left + 1, width - 1) * 3;
      const line0 = Math.max(top, 0) * stride, line1 = Math.min(top + 1, height - 1) * stride;
      for (let channel = 0; channel < 3; channel++) {
        const above0 = source[line0 + x0 + channel]!, above1 = source[line0 + x1 + channel]!;
        const below0 = source[line1 + x0 + channel]!, below1 = source[line1 + x1 + channel]!;
        const upper = above0 + (above1 - above0) * right;
        const lower = below0 + (below1 - below0) * right;
        pixels[to + channel] = upper + (lower - upper) * below;
      }
    }
  }
}
