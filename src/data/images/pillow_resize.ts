/** Resizes images as Pillow does, to the byte. */
import { release } from "../../base/release.ts";
import type { RgbImage } from "./image.ts";

export type Filter = "bilinear" | "bicubic";

/** Weights are fixed-point numbers with this many bits behind the point, like those of Pillow for 8-bit channels. */
const FRACTION_BITS = 22;
const HALF = 1 << (FRACTION_BITS - 1);

const FILTERS: Record<Filter, { support: number; at: (x: number) => number }> = {
  bilinear: { support: 1, at: (x) => Math.max(0, 1 - Math.abs(x)) },
  bicubic: { support: 2, at: cubic },
};

/** Keys' cubic convolution with a = -1/2. */
function cubic(x: number): number {
  const a = -0.5, t = Math.abs(x);
  if (t < 1) return ((a + 2) * t - (a + 3)) * t * t + 1;
  return t < 2 ? (((t - 5) * t + 8) * t - 4) * a : 0;
}

/** Weights of one axis: output pixel i is the sum of `count[i]` source pixels from `start[i]` on. */
interface Axis {
  start: Int32Array;
  count: Int32Array;
  weights: Int32Array; // [size, taps]
  taps: number;
}

/**
 * `Image.resize` of Pillow for RGB bytes, bit for bit: the filter is stretched when the image shrinks (antialiasing),
 * weights are rounded to 22 bits, columns go first, and the bytes are rounded and clipped after each direction.
 */
export function resizeLikePillow(image: RgbImage, height: number, width: number, filter: Filter): RgbImage {
  let { pixels } = image;
  const rows = axis(image.height, height, filter);
  let first = 0;
  if (image.width !== width) {
    // Only the rows that the second direction reads are made.
    first = rows.start[0]!;
    const end = rows.start[height - 1]! + rows.count[height - 1]!;
    const columns = axis(image.width, width, filter);
    pixels = squeezeColumns(pixels, image.width, first, end, columns, width);
    releaseAxis(columns);
  }
  if (image.height !== height) {
    const squeezed = pixels;
    pixels = squeezeRows(squeezed, width * 3, first, rows, height);
    if (squeezed !== image.pixels) release(squeezed);
  }
  releaseAxis(rows);
  return { pixels, height, width };
}

function axis(sourceSize: number, size: number, filter: Filter): Axis {
  const { support: radius, at } = FILTERS[filter];
  const scale = sourceSize / size, stretch = Math.max(scale, 1);
  const support = radius * stretch;
  const taps = Math.ceil(support) * 2 + 1;
  const start = new Int32Array(size), count = new Int32Array(size), weights = new Int32Array(size * taps);
  const exact = new Float64Array(taps);
  for (let i = 0; i < size; i++) {
    const centre = (i + 0.5) * scale;
    const low = Math.max(0, Math.trunc(centre - support + 0.5));
    const taken = Math.min(sourceSize, Math.trunc(centre + support + 0.5)) - low;
    let total = 0;
    for (let k = 0; k < taken; k++) total += exact[k] = at((k + low - centre + 0.5) / stretch);
    start[i] = low;
    count[i] = taken;
    for (let k = 0; k < taken; k++) {
      const weight = (total === 0 ? exact[k]! : exact[k]! / total) * 2 ** FRACTION_BITS;
      weights[i * taps + k] = Math.trunc(weight < 0 ? weight - 0.5 : weight + 0.5);
    }
  }
  return { start, count, weights, taps };
}

function releaseAxis({ start, count, weights }: Axis): void {
  for (const array of [start, count, weights]) release(array);
}

/** The rows from `first` to before `end`, each brought to `width` pixels. */
function squeezeColumns(
  pixels: Uint8Array,
  sourceWidth: number,
  first: number,
  end: number,
  { start, count, weights, taps }: Axis,
  width: number,
): Uint8Array {
  const out = new Uint8Array((end - first) * width * 3);
  let to = 0;
  for (let y = first; y < end; y++) {
    const line = y * sourceWidth * 3;
    for (let x = 0; x < width; x++, to += 3) {
      let red = HALF, green = HALF, blue = HALF;
      let from = line + start[x]! * 3;
      for (let k = x * taps, last = k + count[x]!; k < last; k++, from += 3) {
        const weight = weights[k]!;
        red = (red + Math.imul(weight, pixels[from]!)) | 0;
        green = (green + Math.imul(weight, pixels[from + 1]!)) | 0;
        blue = (blue + Math.imul(weight, pixels[from + 2]!)) | 0;
      }
      out[to] = clip(red >> FRACTION_BITS);
      out[to + 1] = clip(green >> FRACTION_BITS);
      out[to + 2] = clip(blue >> FRACTION_BITS);
    }
  }
  return out;
}

/** The lines of `stride` bytes, of which line `first` comes first, brought to `height` lines. */
function squeezeRows(
  pixels: Uint8Array,
  stride: number,
  first: number,
  axis: Axis,
  height: number,
): Uint8Array {
  const { start, count, weights, taps } = axis;
  const out = new Uint8Array(height * stride);
  const line = new Int32Array(stride);
  for (let y = 0; y < height; y++) {
    line.fill(HALF);
    for (let k = 0; k < count[y]!; k++) {
      const weight = weights[y * taps + k]!;
      const from = (start[y]! + k - first) * stride;
      for (let i = 0; i < stride; i++) line[i] = line[i]! + Math.imul(weight, pixels[from + i]!);
    }
    for (let i = 0, to = y * stride; i < stride; i++) out[to + i] = clip(line[i]! >> FRACTION_BITS);
  }
  release(line);
  return out;
}

function clip(value: number): number {
  return value < 0 ? 0 : value > 255 ? 255 : value;
}
