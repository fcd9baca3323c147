/** Decodes BMP files (https://learn.microsoft.com/windows/win32/gdi/bitmap-storage). */
import { cutOff, damaged, type ImageFormat, standsAt, viewOf } from "./image_format.ts";

interface BmpHeader {
  readonly height: number;
  readonly width: number;
  /** Rows are stored from the bottom up unless the file says otherwise. */
  readonly isFromTop: boolean;
  readonly bits: number;
  readonly compression: number;
  /** Where the bits of red, green, blue and alpha lie in a pixel; 0 for no alpha. */
  readonly masks: readonly number[];
  readonly palette: Uint8Array; // [colours, 4], blue first
  readonly data: Uint8Array;
}

const FILE_HEADER = 14, CORE = 12, INFO = 40;
const RAW = 0, RUNS_OF_8 = 1, RUNS_OF_4 = 2, MASKS = 3, MASKS_WITH_ALPHA = 6;
/** Bits of a pixel by how they may be stored. */
const BITS: Readonly<Record<number, readonly number[]>> = {
  [RAW]: [1, 4, 8, 16, 24, 32],
  [RUNS_OF_8]: [8],
  [RUNS_OF_4]: [4],
  [MASKS]: [16, 32],
  [MASKS_WITH_ALPHA]: [16, 32],
};

export const bmp: ImageFormat = {
  name: "BMP",
  matches: (bytes) => standsAt(bytes, 0, "BM"),
  readHeader(bytes) {
    const { height, width } = readHeader(bytes);
    return { height, width, orientation: 1 };
  },
  decode(bytes) {
    const header = readHeader(bytes);
    const { height, width, bits, compression, isFromTop } = header;
    const data = new Uint8Array(height * width * 4);
    const rowsAt = (y: number) => (isFromTop ? y : height - 1 - y) * width * 4;
    if (bits > 8) paintColours(header, data, rowsAt);
    else paintIndices(header, compression === RAW ? plainIndices(header) : runs(header), data, rowsAt);
    return { data, height, width };
  },
};

function readHeader(bytes: Uint8Array): BmpHeader {
  const view = viewOf(bytes);
  if (bytes.length < FILE_HEADER + CORE) throw damaged();
  const offset = view.getUint32(10, true), size = view.getUint32(FILE_HEADER, true);
  const start = FILE_HEADER + size;
  const isCore = size === CORE;
  if ((!isCore && size < INFO) || start > bytes.length) throw damaged();
  const [width, tall] = isCore
    ? [view.getUint16(18, true), view.getUint16(20, true)]
    : [view.getInt32(18, true), view.getInt32(22, true)];
  const bits = view.getUint16(isCore ? 24 : 28, true);
  const compression = isCore ? RAW : view.getUint32(30, true);
  if (width <= 0 || tall === 0) throw damaged();
  if (!BITS[compression]?.includes(bits)) {
    throw new Error(`it is a BMP of ${bits} bits a pixel in compression ${compression}, which is not read`);
  }
  const hasMasks = compression === MASKS || compression === MASKS_WITH_ALPHA;
  // A header of the oldest kind is followed by the masks; longer ones hold them.
  const count = size >= 56 || compression === MASKS_WITH_ALPHA ? 4 : 3;
  const afterMasks = hasMasks && size === INFO ? start + 4 * count : start;
  if (afterMasks > bytes.length) throw damaged();
  const masks = hasMasks
    ? Array.from({ length: count }, (_, i) => view.getUint32(FILE_HEADER + INFO + 4 * i, true))
    : bits === 16
    ? [0x7c00, 0x3e0, 0x1f]
    : [0xff0000, 0xff00, 0xff];
  const colours = bits > 8 ? 0 : (isCore ? 0 : view.getUint32(46, true)) || 2 ** bits;
  return {
    height: Math.abs(tall),
    width,
    isFromTop: tall < 0,
    bits,
    compression,
    masks,
    palette: readPalette(bytes.subarray(afterMasks, offset), colours, isCore ? 3 : 4),
    data: bytes.subarray(offset),
  };
}

function readPalette(bytes: Uint8Array, colours: number, size: number): Uint8Array {
  const palette = new Uint8Array(4 * Math.min(colours, Math.floor(bytes.length / size)));
  for (let i = 0; i * 4 < palette.length; i++) palette.set(bytes.subarray(i * size, i * size + 3), i * 4);
  return palette;
}

/** Rows are filled up to multiples of four bytes. */
function strideOf({ width, bits }: BmpHeader): number {
  return (width * bits + 31 >> 5) * 4;
}

type RowsAt = (y: number) => number;

/** Paints pixels that hold their colours. */
function paintColours(header: BmpHeader, data: Uint8Array, rowsAt: RowsAt): void {
  const { height, width, bits, masks } = header;
  const view = viewOf(header.data);
  const stride = strideOf(header), size = bits / 8;
  if (view.byteLength < (height - 1) * stride + width * size) throw cutOff();
  const channels = masks.map((mask) => {
    const shift = mask === 0 ? 0 : 31 - Math.clz32(mask & -mask);
    return { shift, most: mask >>> shift };
  });
  for (let y = 0; y < height; y++) {
    for (let x = 0, from = y * stride, to = rowsAt(y); x < width; x++, from += size, to += 4) {
      const low = view.getUint16(from, true);
      const pixel = size === 2
        ? low
        : size === 3
        ? low | view.getUint8(from + 2) << 16
        : view.getUint32(from, true);
      data[to + 3] = 255;
      for (let c = 0; c < channels.length; c++) {
        const { shift, most } = channels[c]!;
        if (most > 0) data[to + c] = Math.floor((pixel >>> shift & most) * 255 / most);
      }
    }
  }
}

/** Paints the colours that pixels number, row by row as they are stored. */
function paintIndices(
  { height, width, palette }: BmpHeader,
  pixels: Uint8Array,
  data: Uint8Array,
  rowsAt: RowsAt,
) {
  for (let y = 0, from = 0; y < height; y++) {
    for (let x = 0, to = rowsAt(y); x < width; x++, to += 4) {
      const index = pixels[from++]!;
      if (index * 4 >= palette.length) throw new Error(`it has no colour ${index} in its palette`);
      for (let c = 0; c < 3; c++) data[to + c] = palette[index * 4 + 2 - c]!;
      data[to + 3] = 255;
    }
  }
}

function plainIndices(header: BmpHeader): Uint8Array {
  const { height, width, bits, data } = header;
  const stride = strideOf(header);
  if (data.length < (height - 1) * stride + Math.ceil(width * bits / 8)) throw cutOff();
  const pixels = new Uint8Array(height * width);
  for (let y = 0, to = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const bit = x * bits;
      pixels[to++] = data[y * stride + (bit >> 3)]! >> (8 - bits - (bit & 7)) & (2 ** bits - 1);
    }
  }
  return pixels;
}

/** Pairs of bytes: a count and a colour, or two of them by turns; after a 0, the end of a row or of all, a jump, or a count of plain ones. */
function runs({ height, width, bits, data }: BmpHeader): Uint8Array {
  const pixels = new Uint8Array(height * width);
  const isHalf = bits === 4;
  let x = 0, y = 0, at = 0;
  const put = (value: number) => {
    if (x < width && y < height) pixels[y * width + x] = value;
    x++;
  };
  const nibble = (byte: number, i: number) => isHalf ? (i % 2 === 0 ? byte >> 4 : byte & 15) : byte;
  while (y < height) {
    if (at + 2 > data.length) throw cutOff();
    const count = data[at++]!, value = data[at++]!;
    if (count > 0) {
      for (let i = 0; i < count; i++) put(nibble(value, i));
    } else if (value === 0) {
      [x, y] = [0, y + 1];
    } else if (value === 1) {
      break;
    } else if (value === 2) {
      if (at + 2 > data.length) throw cutOff();
      x += data[at++]!;
      y += data[at++]!;
    } else {
      const size = isHalf ? value + 1 >> 1 : value;
      if (at + size > data.length) throw cutOff();
      for (let i = 0; i < value; i++) put(nibble(data[at + (isHalf ? i >> 1 : i)]!, i));
      at += size + size % 2;
    }
  }
  return pixels;
}
