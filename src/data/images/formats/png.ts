/** Decodes PNG files (https://www.w3.org/TR/png-3/). */
import { Buffer } from "node:buffer";
import { crc32, inflateSync } from "node:zlib";
import { joinedBytes } from "../../../base/joined_bytes.ts";
import { release } from "../../../base/release.ts";
import { exifOrientation } from "./exif.ts";
import { damaged, type ImageFormat, type RgbaImage, standsAt, viewOf } from "./image_format.ts";
import { partsOf, type PngHeader, type PngPart, rawBytes, unfilter } from "./png_parts.ts";

/** What the chunks of a file say. */
interface PngChunks {
  readonly header: PngHeader;
  readonly data: readonly Uint8Array[];
  readonly palette: Uint8Array | undefined; // [colours, 3]
  /** The content of tRNS: alphas of the palette, or the colour that is transparent. */
  readonly transparency: Uint8Array | undefined;
}

/** Channels by colour type, and the depths that each type may have. */
const CHANNELS: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };
const DEPTHS: Readonly<Record<number, readonly number[]>> = {
  0: [1, 2, 4, 8, 16],
  2: [8, 16],
  3: [1, 2, 4, 8],
  4: [8, 16],
  6: [8, 16],
};
const IHDR = 0x49484452, PLTE = 0x504c5445, IDAT = 0x49444154, TRNS = 0x74524e53, IEND = 0x49454e44;
const EXIF = 0x65584966;
/** Bytes that a file may hold beyond its pixels: some writers leave a few, and none needs many. */
const MOST_BEYOND = 1 << 16;

export const png: ImageFormat = {
  name: "PNG",
  matches: (bytes) => standsAt(bytes, 0, "\x89PNG"),
  readHeader(bytes) {
    if (bytes.length < 24) throw damaged();
    const view = viewOf(bytes);
    return { width: view.getUint32(16), height: view.getUint32(20), orientation: pngOrientation(bytes) };
  },
  decode: decodePng,
};

/** Decodes a PNG of any colour model and 1 to 16 bits; of 16 bits the upper 8 are kept. Throws where the bytes are damaged. */
export function decodePng(bytes: Uint8Array): RgbaImage {
  const chunks = readChunks(bytes);
  const { height, width, depth, channels } = chunks.header;
  const raw = inflated(chunks);
  const data = new Uint8Array(height * width * 4);
  let at = 0;
  const paint = depth <= 8 && channels === 1 ? paintIndexed : paintDirect;
  for (const part of partsOf(chunks.header)) {
    unfilter(raw, at, part, Math.max(1, depth * channels >> 3));
    paint(raw, at, part, chunks, data);
    at += part.height * (part.stride + 1);
  }
  release(new Uint8Array(raw.buffer)); // all of the room that it had
  return { data, height, width };
}

function readChunks(bytes: Uint8Array): PngChunks {
  let header: PngHeader | undefined, palette: Uint8Array | undefined, transparency: Uint8Array | undefined;
  const data: Uint8Array[] = [];
  for (const { type, content } of chunksOf(bytes)) {
    if (type === IHDR) header = readHeader(content);
    else if (type === PLTE) palette = content;
    else if (type === TRNS) transparency = content;
    else if (type === IDAT) data.push(content);
  }
  if (header === undefined || (header.colourType === 3 && palette === undefined)) throw damaged();
  return { header, data, palette, transparency };
}

/** The chunks up to the end, each of which must be whole. */
function* chunksOf(bytes: Uint8Array): Generator<{ type: number; content: Uint8Array }> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 8; at + 12 <= bytes.length;) {
    const length = view.getUint32(at), type = view.getUint32(at + 4), end = at + 8 + length;
    if (end + 4 > bytes.length || crc32(bytes.subarray(at + 4, end)) !== view.getUint32(end)) break;
    if (type === IEND) return;
    yield { type, content: bytes.subarray(at + 8, end) };
    at = end + 4;
  }
  throw damaged();
}

function readHeader(content: Uint8Array): PngHeader {
  if (content.length !== 13) throw damaged();
  const view = new DataView(content.buffer, content.byteOffset, content.byteLength);
  const [width, height] = [view.getUint32(0), view.getUint32(4)];
  const [depth, colourType, compression, filter, interlace] = content.subarray(8);
  const isKnown = DEPTHS[colourType!]?.includes(depth!) && compression === 0 && filter === 0 &&
    interlace! < 2;
  if (!isKnown || width === 0 || height === 0) throw damaged();
  const channels = CHANNELS[colourType!]!;
  return { width, height, depth: depth!, colourType: colourType!, channels, isInterlaced: interlace === 1 };
}

/** The filtered rows of all parts. */
function inflated({ header, data }: PngChunks): Uint8Array {
  const size = rawBytes(header);
  const packed = data.length === 1 ? data[0]! : joinedBytes(data);
  let raw: Uint8Array;
  try {
    raw = inflateSync(packed, { chunkSize: roomFor(size), maxOutputLength: size + MOST_BEYOND });
  } catch (cause) {
    throw damaged(cause);
  } finally {
    if (data.length !== 1) release(packed);
  }
  if (raw.length < size) throw damaged();
  return raw;
}

/** With room for a byte more zlib sees at once that it is done; small buffers would be parts of one that others use. */
function roomFor(size: number): number {
  return Math.max(size + 1, Buffer.poolSize);
}

/** Paints a part whose samples are numbers of colours, or greys of at most 8 bits, which number colours as well. */
function paintIndexed(raw: Uint8Array, at: number, part: PngPart, chunks: PngChunks, data: Uint8Array): void {
  const { header: { depth, width } } = chunks;
  const colours = coloursOf(chunks);
  const mask = 2 ** depth - 1;
  for (let y = 0, line = at + 1; y < part.height; y++, line += part.stride + 1) {
    let to = ((part.top + y * part.down) * width + part.left) * 4;
    for (let x = 0; x < part.width; x++, to += part.right * 4) {
      const bit = x * depth;
      const index = (raw[line + (bit >> 3)]! >> (8 - depth - (bit & 7))) & mask;
      if (index * 4 >= colours.length) throw new Error(`it has no colour ${index} in its palette`);
      for (let c = 0; c < 4; c++) data[to + c] = colours[index * 4 + c]!;
    }
  }
}

function coloursOf({ header: { depth, colourType }, palette, transparency }: PngChunks): Uint8Array {
  if (colourType === 3) {
    const colours = new Uint8Array(Math.floor(palette!.length / 3) * 4);
    for (let i = 0; i * 4 < colours.length; i++) {
      colours.set(palette!.subarray(i * 3, i * 3 + 3), i * 4);
      colours[i * 4 + 3] = transparency?.[i] ?? 255;
    }
    return colours;
  }
  const [key] = transparentColour(transparency);
  const colours = new Uint8Array(4 * 2 ** depth);
  for (let i = 0; i < 2 ** depth; i++) {
    colours.fill(i * 255 / (2 ** depth - 1), i * 4, i * 4 + 3);
    colours[i * 4 + 3] = i === key ? 0 : 255;
  }
  return colours;
}

/** Paints a part whose samples are the channels of each pixel, in bytes or pairs of them. */
function paintDirect(raw: Uint8Array, at: number, part: PngPart, chunks: PngChunks, data: Uint8Array): void {
  const { header: { depth, channels, width }, transparency } = chunks;
  const size = depth >> 3; // bytes of a sample, the upper one first
  const hasAlpha = channels === 2 || channels === 4;
  const [green, blue] = channels < 3 ? [0, 0] : [size, 2 * size];
  const alpha = (channels - 1) * size;
  const key = hasAlpha ? [] : transparentColour(transparency);
  const isKey = (from: number) =>
    key.length >= channels &&
    key.slice(0, channels).every((value, c) => {
      const sample = from + c * size;
      return value === (size === 2 ? raw[sample]! << 8 | raw[sample + 1]! : raw[sample]);
    });
  for (let y = 0, line = at + 1; y < part.height; y++, line += part.stride + 1) {
    let to = ((part.top + y * part.down) * width + part.left) * 4;
    for (let x = 0, from = line; x < part.width; x++, from += channels * size, to += part.right * 4) {
      data[to] = raw[from]!;
      data[to + 1] = raw[from + green]!;
      data[to + 2] = raw[from + blue]!;
      data[to + 3] = hasAlpha ? raw[from + alpha]! : key.length > 0 && isKey(from) ? 0 : 255;
    }
  }
}

/** The channels of the colour that tRNS makes transparent, 16 bits each; none where there is no such colour. */
function transparentColour(transparency: Uint8Array = new Uint8Array()): number[] {
  return Array.from(
    { length: transparency.length >> 1 },
    (_, c) => transparency[2 * c]! << 8 | transparency[2 * c + 1]!,
  );
}

/** The Exif orientation of a PNG, 1 where it has none. */
export function pngOrientation(bytes: Uint8Array): number {
  for (const { type, content } of chunksOf(bytes)) if (type === EXIF) return exifOrientation(content);
  return 1;
}
