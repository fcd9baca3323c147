/** Decodes PNG files. */
import { decode, type DecodedPng } from "fast-png";
import { exifOrientation } from "./exif.ts";
import type { RgbaImage } from "./jpeg.ts";

/**
 * Decodes a PNG of any colour model and 1 to 16 bits; of 16 bits the upper 8 are kept. `image-js` mistakes rows of less
 * than 8 bits a pixel that do not fill their last byte, hence the decoder below it. Throws where the bytes are damaged.
 */
export function decodePng(bytes: Uint8Array): RgbaImage {
  const png = decodeOrThrow(bytes);
  const { height, width, depth, channels, palette } = png;
  const samples = depth < 8 ? unpack(png) : png.data;
  const colours = channels < 3 ? 1 : 3;
  const hasAlpha = channels === 2 || channels === 4;
  const shift = depth === 16 ? 8 : 0;
  const scale = depth < 8 ? 255 / (2 ** depth - 1) : 1;
  const key = png.transparency;
  const data = new Uint8Array(height * width * 4);
  for (let i = 0; i < height * width; i++) {
    const from = i * channels, to = i * 4;
    if (palette !== undefined) {
      const colour = palette[samples[from]!];
      if (colour === undefined) throw new Error(`it has no colour ${samples[from]} in its palette`);
      data[to + 3] = 255;
      data.set(colour, to);
      continue;
    }
    let isKey = key !== undefined;
    for (let c = 0; c < 3; c++) {
      const channel = colours === 3 ? c : 0, value = samples[from + channel]!;
      data[to + c] = (value >> shift) * scale;
      if (isKey && value !== key![channel]) isKey = false;
    }
    data[to + 3] = isKey ? 0 : hasAlpha ? samples[from + colours]! >> shift : 255;
  }
  return { data, height, width };
}

function decodeOrThrow(bytes: Uint8Array): DecodedPng {
  try {
    return decode(bytes, { checkCrc: true });
  } catch (cause) {
    throw new Error("its data is damaged or cut off", { cause });
  }
}

/** Unpacks samples of less than 8 bits to a byte each; every row starts with a byte of its own. */
function unpack({ data, height, width, depth }: DecodedPng): Uint8Array {
  const stride = Math.ceil((width * depth) / 8), mask = 2 ** depth - 1;
  const samples = new Uint8Array(height * width);
  for (let y = 0, to = 0; y < height; y++) {
    for (let x = 0; x < width; x++, to++) {
      const bit = x * depth;
      samples[to] = (data[y * stride + (bit >> 3)]! >> (8 - depth - (bit & 7))) & mask;
    }
  }
  return samples;
}

/** The Exif orientation of a PNG, 1 where it has none. */
export function pngOrientation(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 8; at + 12 <= bytes.length;) {
    const length = view.getUint32(at), type = view.getUint32(at + 4);
    if (type === 0x65584966) return exifOrientation(bytes.subarray(at + 8, at + 8 + length)); // eXIf
    at += 12 + length;
  }
  return 1;
}
