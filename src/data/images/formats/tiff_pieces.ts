/** Unpacks the strips and tiles of TIFF files. */
import { inflateSync } from "node:zlib";
import { cutOff, damaged } from "./image_format.ts";
import { unpackLzw } from "./lzw.ts";

/** A strip or a tile: a part of a picture, or of one of its samples. */
export interface Piece {
  /** Where it lies in the file, and its bytes there. */
  readonly start: number;
  readonly size: number;
  /** Where it lies in the picture. */
  readonly top: number;
  readonly left: number;
  readonly rows: number;
  readonly columns: number;
  /** The first of its samples, and how many a pixel has. */
  readonly sample: number;
  readonly samples: number;
  /** Of a sample. */
  readonly bits: number;
  readonly compression: number;
  /** 2 where every sample but the first of a row is the difference to the one before. */
  readonly predictor: number;
  /** Whether the lower byte of 16 bits comes first. */
  readonly little: boolean;
}

const unpackers: Readonly<Record<number, (packed: Uint8Array, size: number) => Uint8Array>> = {
  1: (packed) => packed,
  5: (packed, size) => unpackLzw(packed, size, { symbolBits: 8, isTiff: true }),
  8: inflated,
  32946: inflated,
  32773: unpackBits,
};
/** Names of what is not unpacked. */
const OTHERS: Readonly<Record<number, string>> = { 2: "CCITT", 3: "CCITT", 4: "CCITT", 6: "JPEG", 7: "JPEG" };

/** A sample a byte, [rows, columns, samples]: the upper bytes of 16 bits, or the numbers that fewer bits are. */
export function unpackPiece(file: Uint8Array, piece: Piece): Uint8Array {
  const { start, size, rows, columns, samples, bits, compression, predictor, little } = piece;
  const unpack = unpackers[compression];
  if (unpack === undefined || (predictor !== 1 && (predictor !== 2 || bits < 8))) {
    const how = unpack === undefined ? OTHERS[compression] ?? compression : `predictor ${predictor}`;
    throw new Error(`it is a TIFF packed by ${how}, which is not read`);
  }
  if (start + size > file.length) throw cutOff();
  const stride = Math.ceil(columns * samples * bits / 8);
  const found = unpack(file.subarray(start, start + size), rows * stride);
  if (found.length < rows * stride) throw cutOff();
  const bytes = found.slice(0, rows * stride); // what is added up is a copy
  if (bits === 8) {
    if (predictor === 2) addUp(bytes, rows, stride, samples);
    return bytes;
  }
  if (bits < 8) {
    const mask = 2 ** bits - 1;
    return Uint8Array.from({ length: rows * columns }, (_, i) => {
      const bit = i % columns * bits;
      return bytes[Math.floor(i / columns) * stride + (bit >> 3)]! >> (8 - bits - (bit & 7)) & mask;
    });
  }
  const view = new DataView(bytes.buffer);
  const words = Uint16Array.from({ length: bytes.length >> 1 }, (_, i) => view.getUint16(2 * i, little));
  if (predictor === 2) addUp(words, rows, stride >> 1, samples);
  return Uint8Array.from(words, (word) => word >> 8);
}

function addUp(values: Uint8Array | Uint16Array, rows: number, stride: number, samples: number): void {
  for (let y = 0; y < rows; y++) {
    for (let at = y * stride + samples; at < (y + 1) * stride; at++) values[at]! += values[at - samples]!;
  }
}

function inflated(packed: Uint8Array, size: number): Uint8Array {
  try {
    return inflateSync(packed, { maxOutputLength: size + (1 << 16) });
  } catch (cause) {
    throw damaged(cause);
  }
}

/** PackBits: a count of plain bytes, or a negative count of the same byte. */
function unpackBits(packed: Uint8Array, size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  let at = 0, done = 0;
  while (done < size) {
    const count = packed[at++];
    if (count === undefined) throw cutOff();
    if (count < 128) {
      const end = at + count + 1;
      if (end > packed.length) throw cutOff();
      bytes.set(packed.subarray(at, Math.min(end, at + size - done)), done);
      at = end;
      done += count + 1;
    } else if (count > 128) {
      const value = packed[at++];
      if (value === undefined) throw cutOff();
      bytes.fill(value, done, done + 257 - count);
      done += 257 - count;
    }
  }
  return bytes;
}
