/** Decodes image files of several formats into RGB bytes, and says what is wrong with those it cannot decode. */
import { release } from "../../base/release.ts";
import { type Colour, rgbOf } from "./colour.ts";
import { upright } from "./formats/exif.ts";
import { formatOf } from "./formats/formats.ts";
import type { RgbaImage } from "./formats/image_format.ts";

/** A decoded image: RGB bytes without gaps between the rows. */
export interface RgbImage {
  pixels: Uint8Array; // [height, width, 3]
  height: number;
  width: number;
}

/** Images of more pixels would fill the memory; it is twice the number that Pillow warns of. */
const MOST_PIXELS = 178_956_970;

export interface DecodeOptions {
  /** What lies under transparent pixels; white if not given. */
  readonly background?: Colour | undefined;
  /** Images of more are refused before they are decoded. */
  readonly mostPixels?: number | undefined;
}

/**
 * Decodes the bytes of an image file of any format in `formats/`, of any colour model and 1 to 16 bits; of animations and
 * files of several pages the first picture. Turns it upright by its Exif orientation, and lays what is transparent over the
 * background. Throws where the bytes are no image, or only a part of one.
 */
export async function decodeRgb(
  bytes: Uint8Array,
  { background = "white", mostPixels = MOST_PIXELS }: DecodeOptions = {},
): Promise<RgbImage> {
  const format = formatOf(bytes);
  const { height, width, orientation } = format.readHeader(bytes);
  if (height * width > mostPixels) throw new Error(`${width}x${height} pixels are more than ${mostPixels}`);
  const decoded = await format.decode(bytes);
  const image = laidOver(decoded, rgbOf(background));
  release(decoded.data);
  const turned = upright(image, orientation);
  if (turned !== image) release(image.pixels);
  return turned;
}

function laidOver({ data, height, width }: RgbaImage, [red, green, blue]: readonly number[]): RgbImage {
  const pixels = new Uint8Array(height * width * 3);
  for (let from = 0, to = 0; to < pixels.length; from += 4, to += 3) {
    const alpha = data[from + 3]!;
    const isOpaque = alpha === 255;
    pixels[to] = isOpaque ? data[from]! : mixed(data[from]!, red!, alpha);
    pixels[to + 1] = isOpaque ? data[from + 1]! : mixed(data[from + 1]!, green!, alpha);
    pixels[to + 2] = isOpaque ? data[from + 2]! : mixed(data[from + 2]!, blue!, alpha);
  }
  return { pixels, height, width };
}

function mixed(value: number, under: number, alpha: number): number {
  return Math.round(under + ((value - under) * alpha) / 255);
}
