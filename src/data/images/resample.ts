/** Resamples a part of an image to a size, and maps its colours in the same step: how training images are varied. */
import type { RgbImage } from "./image.ts";
import { applyOperations, type DrawnOperation } from "./rand_augment/rand_augment.ts";

/** A rectangle of the source in pixels; it may reach beyond the image. */
export interface Box {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

/** Colours are mapped by `matrix · (r, g, b) + offset`, in bytes. */
export interface ColourMap {
  matrix: Float64Array; // [3, 3]
  offset: number;
}

export interface Resampling {
  box: Box;
  flip?: boolean;
  /** The byte value of the area that the box covers outside the image; 255 (white) if not given. */
  background?: number;
  colour?: ColourMap;
  /** What is done to the image once it has its size. */
  operations?: readonly DrawnOperation[];
}

const WHITE = 255;

/** Images, and how each is resampled to one size. */
export interface Resamplings {
  readonly images: readonly { readonly image: RgbImage; readonly how: Resampling }[];
  readonly height: number;
  readonly width: number;
}

/** The images, each resampled as `resample` does it, and its operations applied: [images, height, width, 3]. */
export function resampleAll({ images, height, width }: Resamplings): Uint8Array<ArrayBuffer> {
  const size = height * width * 3;
  const pixels = new Uint8Array(images.length * size);
  for (const [i, { image, how }] of images.entries()) {
    if (staysAsItIs(image, how, { height, width })) pixels.set(image.pixels, i * size);
    else resample(image, { height, width }, how, pixels, i * size);
    const { operations = [], background = WHITE } = how;
    const own = pixels.subarray(i * size, (i + 1) * size);
    applyOperations({ pixels: own, height, width }, operations, background);
  }
  return pixels;
}

/** True where resampling an image to a size would only copy it. */
export function staysAsItIs(
  image: RgbImage,
  { box, flip, colour }: Resampling,
  { height, width }: { height: number; width: number },
): boolean {
  return image.height === height && image.width === width && !flip && !colour &&
    box.left === 0 && box.top === 0 && box.right === width && box.bottom === height;
}

/** Weights of one axis: output pixel i is the sum of `count[i]` source pixels from `start[i]` on. */
interface Axis {
  start: Int32Array;
  count: Int32Array;
  weights: Float32Array; // [size, taps]
  taps: number;
  /** The weight of the background: 1 less the sum of the weights. */
  rest: Float32Array;
}

/**
 * Resamples a box of an RGB image to [height, width] in one antialiased step: a triangle filter stretched with the
 * scale, one axis after the other, which is Pillow's bilinear `resize(size, box=box)`. Writes at `at` in `out`.
 */
export function resample(
  source: RgbImage,
  target: { height: number; width: number },
  { box, flip = false, background = WHITE, colour }: Resampling,
  out: Uint8Array,
  at = 0,
): void {
  const { height, width } = target;
  const columns = axis(source.width, width, box.left, box.right, flip);
  const rows = axis(source.height, height, box.top, box.bottom);

  const first = Math.min(...rows.start);
  let last = first;
  for (let y = 0; y < height; y++) last = Math.max(last, rows.start[y]! + rows.count[y]!);
  const stride = width * 3;
  const squeezed = new Float32Array((last - first) * stride); // rows the vertical pass needs, at full height
  const { pixels } = source, { start: starts, count: counts, weights, taps, rest } = columns;
  for (let y = first; y < last; y++) {
    const line = y * source.width * 3;
    let to = (y - first) * stride;
    for (let x = 0; x < width; x++) {
      const weightAt = x * taps, count = counts[x]!;
      let from = line + starts[x]! * 3;
      let red = rest[x]! * background, green = red, blue = red;
      for (let k = 0; k < count; k++, from += 3) {
        const weight = weights[weightAt + k]!;
        red += weight * pixels[from]!;
        green += weight * pixels[from + 1]!;
        blue += weight * pixels[from + 2]!;
      }
      squeezed[to] = red;
      squeezed[to + 1] = green;
      squeezed[to + 2] = blue;
      to += 3;
    }
  }

  const line = new Float32Array(stride);
  for (let y = 0; y < height; y++) {
    line.fill(rows.rest[y]! * background);
    for (let k = 0; k < rows.count[y]!; k++) {
      const weight = rows.weights[y * rows.taps + k]!;
      const from = (rows.start[y]! + k - first) * stride;
      for (let i = 0; i < stride; i++) line[i]! += weight * squeezed[from + i]!;
    }
    if (colour !== undefined) mapColours(line, colour);
    const to = at + y * stride;
    for (let i = 0; i < stride; i++) out[to + i] = Math.min(255, Math.max(0, line[i]! + 0.5));
  }
}

function axis(sourceSize: number, size: number, from: number, to: number, flip = false): Axis {
  const scale = (to - from) / size;
  const support = Math.max(1, scale); // a triangle reaches one (stretched) pixel to each side
  const taps = Math.ceil(support) * 2 + 1;
  const start = new Int32Array(size), count = new Int32Array(size);
  const weights = new Float32Array(size * taps), rest = new Float32Array(size);
  for (let i = 0; i < size; i++) {
    const centre = from + ((flip ? size - 1 - i : i) + 0.5) * scale;
    const low = Math.floor(centre - support + 0.5), high = Math.floor(centre + support + 0.5);
    start[i] = Math.min(sourceSize, Math.max(0, low));
    count[i] = Math.max(0, Math.min(sourceSize, high) - start[i]!);
    let inside = 0, outside = 0;
    for (let k = low; k < high; k++) {
      const weight = Math.max(0, 1 - Math.abs(k + 0.5 - centre) / support);
      if (k >= 0 && k < sourceSize) {
        inside += weight;
        weights[i * taps + k - start[i]!] = weight;
      } else if (k + 0.5 > from && k + 0.5 < to) {
        outside += weight; // background; the filter is cut off where both the image and the box end
      }
    }
    const total = inside + outside || 1;
    for (let k = 0; k < count[i]!; k++) weights[i * taps + k]! /= total;
    rest[i] = 1 - inside / total;
  }
  return { start, count, weights, taps, rest };
}

function mapColours(line: Float32Array, { matrix, offset }: ColourMap): void {
  const [a, b, c, d, e, f, g, h, i] = matrix as unknown as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  for (let x = 0; x < line.length; x += 3) {
    const red = line[x]!, green = line[x + 1]!, blue = line[x + 2]!;
    line[x] = a * red + b * green + c * blue + offset;
    line[x + 1] = d * red + e * green + f * blue + offset;
    line[x + 2] = g * red + h * green + i * blue + offset;
  }
}
