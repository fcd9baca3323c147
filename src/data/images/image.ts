/** Decodes image files of several formats into RGB bytes, and says what is wrong with those it cannot decode. */
import { release } from "../../base/release.ts";
import { exifOrientation, upright } from "./exif.ts";
import { decodeJpeg, readJpegHeader, type RgbaImage } from "./jpeg.ts";
import { decodePng, pngOrientation } from "./png.ts";

/** A decoded image: RGB bytes without gaps between the rows. */
export interface RgbImage {
  pixels: Uint8Array; // [height, width, 3]
  height: number;
  width: number;
}

/** Images of more pixels would fill the memory; it is twice the number that Pillow warns of. */
const MOST_PIXELS = 178_956_970;

/**
 * Decodes a JPEG, a PNG (or a BMP or TIFF) of any colour model and 1 to 16 bits, turns it upright by its Exif
 * orientation, and lays what is transparent over white. Throws where the bytes are no image, or only a part of one.
 */
export async function decodeRgb(bytes: Uint8Array, mostPixels = MOST_PIXELS): Promise<RgbImage> {
  const starts = (...expected: number[]) => expected.every((byte, at) => bytes[at] === byte);
  if (starts(0xff, 0xd8)) {
    const { height, width, components, orientation } = readJpegHeader(bytes);
    checkSize(height, width, mostPixels);
    return finished(await (components === 4 ? decodeOther : decodeJpeg)(bytes), orientation);
  }
  if (starts(0x89, 0x50, 0x4e, 0x47) && bytes.length >= 24) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    checkSize(view.getUint32(20), view.getUint32(16), mostPixels);
    return finished(decodePng(bytes), pngOrientation(bytes));
  }
  const isTiff = starts(0x49, 0x49, 42) || starts(0x4d, 0x4d, 0, 42);
  return finished(await decodeOther(bytes), isTiff ? exifOrientation(bytes) : 1);
}

/** Over white and upright; what was decoded is released. */
function finished(decoded: RgbaImage, orientation: number): RgbImage {
  const image = overWhite(decoded);
  release(decoded.data);
  const turned = upright(image, orientation);
  if (turned !== image) release(image.pixels);
  return turned;
}

function checkSize(height: number, width: number, most: number): void {
  if (height * width > most) throw new Error(`${width}x${height} pixels are more than ${most}`);
}

/** Decodes whatever else `image-js` reads: BMP and TIFF, and CMYK in JPEG files. */
async function decodeOther(bytes: Uint8Array): Promise<RgbaImage> {
  const { decode } = await import("image-js"); // large and seldom needed
  let image: ReturnType<typeof decode>;
  try {
    image = decode(bytes);
  } catch (cause) {
    throw new Error(whyUnread(bytes), { cause });
  }
  const { width, height, channels } = image;
  const { data: samples } = image.getRawImage();
  const colours = channels < 3 ? 1 : 3;
  const shift = Math.log2(image.maxValue + 1) - 8;
  const data = new Uint8Array(height * width * 4).fill(255);
  for (let i = 0; i < height * width; i++) {
    for (let c = 0; c < 3; c++) data[i * 4 + c] = samples[i * channels + (colours === 3 ? c : 0)]! >> shift;
    if (channels === colours + 1) data[i * 4 + 3] = samples[i * channels + colours]! >> shift;
  }
  return { data, height, width };
}

/** Says why bytes are no image that can be read. */
function whyUnread(bytes: Uint8Array): string {
  if (bytes.length === 0) return "the file is empty";
  const start = String.fromCharCode(...bytes.subarray(0, 64));
  if (/^(?:\xff\xd8|\x89PNG|BM|II\*|MM\0\*)/.test(start)) return "its data is damaged or cut off";
  const format = UNREAD.find(([, pattern]) => pattern.test(start))?.[0];
  const what = format === undefined ? "it is no image" : `it is ${format}, which is not read`;
  return `${what}: JPEG, PNG, BMP and TIFF are`;
}

/** Formats that are not read, by how their files begin. */
const UNREAD: readonly (readonly [format: string, start: RegExp])[] = [
  ["WebP", /^RIFF[^]{4}WEBP/],
  ["GIF", /^GIF8/],
  ["AVIF", /^[^]{4}ftypavi[fs]/],
  ["HEIC", /^[^]{4}ftyp(?:hei|hev|mif)/],
  ["JPEG XL", /^(?:\xff\n|\0{3}\fJXL )/],
  ["a page of HTML", /^\s*<(?:!doctype html|html)/i],
  ["SVG", /^\s*<(?:svg|\?xml)/],
  ["PDF", /^%PDF/],
];

function overWhite({ data, height, width }: RgbaImage): RgbImage {
  const pixels = new Uint8Array(height * width * 3);
  for (let from = 0, to = 0; to < pixels.length; from += 4, to += 3) {
    const red = data[from]!, green = data[from + 1]!, blue = data[from + 2]!, alpha = data[from + 3]!;
    const isOpaque = alpha === 255;
    pixels[to] = isOpaque ? red : mixed(red, alpha);
    pixels[to + 1] = isOpaque ? green : mixed(green, alpha);
    pixels[to + 2] = isOpaque ? blue : mixed(blue, alpha);
  }
  return { pixels, height, width };
}

function mixed(value: number, alpha: number): number {
  return Math.round(255 + ((value - 255) * alpha) / 255);
}
