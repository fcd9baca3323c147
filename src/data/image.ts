import { decode } from "image-js";

/** A decoded image: RGB bytes without gaps between the rows. */
export interface RgbImage {
  pixels: Uint8Array; // [height, width, 3]
  height: number;
  width: number;
}

/**
 * Decodes a PNG (or anything else `image-js` reads) of any colour model and 1 to 16 bits, and lays what is transparent
 * over white. Throws where the bytes are no image.
 */
export function decodeRgb(bytes: Uint8Array): RgbImage {
  const image = decode(bytes);
  const { width, height } = image;
  const raw = image.getRawImage();
  const channels = image.channels;
  const colours = channels < 3 ? 1 : 3;
  const hasAlpha = channels === 2 || channels === 4;
  const scale = 255 / image.maxValue;
  const pixels = new Uint8Array(height * width * 3);
  for (let i = 0; i < height * width; i++) {
    const from = i * channels;
    const alpha = hasAlpha ? raw.data[from + colours]! / image.maxValue : 1;
    for (let c = 0; c < 3; c++) {
      const value = raw.data[from + (colours === 3 ? c : 0)]! * scale;
      pixels[i * 3 + c] = Math.round(255 + (value - 255) * alpha);
    }
  }
  return { pixels, height, width };
}
