/** Decodes the first frame of GIF files (https://www.w3.org/Graphics/GIF/spec-gif89a.txt). */
import { cutOff, damaged, type ImageFormat, standsAt, viewOf } from "./image_format.ts";
import { unpackLzw } from "./lzw.ts";

/** The first frame: where it lies on the canvas, its colours, and its data up to the end of the file. */
interface Frame {
  /** Of the canvas, which is as large as the frame needs. */
  readonly height: number;
  readonly width: number;
  readonly top: number;
  readonly left: number;
  readonly rows: number;
  readonly columns: number;
  readonly isInterlaced: boolean;
  readonly palette: Uint8Array; // [colours, 3]
  readonly transparent: number | undefined;
  readonly data: Uint8Array;
}

const EXTENSION = 0x21, CONTROL = 0xf9, IMAGE = 0x2c;
/** The first row and the step of each pass of an interlaced frame. */
const PASSES = [[0, 8], [4, 8], [2, 4], [1, 2]] as const;
const IN_ORDER = [[0, 1]] as const;

export const gif: ImageFormat = {
  name: "GIF",
  matches: (bytes) => standsAt(bytes, 0, "GIF87a") || standsAt(bytes, 0, "GIF89a"),
  readHeader(bytes) {
    const { height, width } = readFrame(bytes);
    return { height, width, orientation: 1 };
  },
  decode(bytes) {
    const frame = readFrame(bytes);
    const { height, width, palette, transparent } = frame;
    const pixels = indicesOf(frame);
    const colours = new Uint8Array(palette.length / 3 * 4).fill(255);
    for (let i = 0; i * 4 < colours.length; i++) {
      colours.set(palette.subarray(i * 3, i * 3 + 3), i * 4);
      if (i === transparent) colours[i * 4 + 3] = 0;
    }
    const data = new Uint8Array(height * width * 4);
    // As Pillow has it, what the frame leaves free is transparent if any of its colours is, and of the first one if not.
    if (transparent === undefined) {
      new Uint32Array(data.buffer).fill(new Uint32Array(colours.buffer)[0]!);
    }
    let from = 0;
    for (const [first, step] of frame.isInterlaced ? PASSES : IN_ORDER) {
      for (let y = first; y < frame.rows; y += step) {
        let to = ((frame.top + y) * width + frame.left) * 4;
        for (let x = 0; x < frame.columns; x++, to += 4) {
          const index = pixels[from++]!;
          if (index * 4 >= colours.length) throw new Error(`it has no colour ${index} in its palette`);
          for (let c = 0; c < 4; c++) data[to + c] = colours[index * 4 + c]!;
        }
      }
    }
    return { data, height, width };
  },
};

function readFrame(bytes: Uint8Array): Frame {
  const view = viewOf(bytes);
  let at = 6, transparent: number | undefined;
  const take = (count: number) => {
    at += count;
    if (at > bytes.length) throw cutOff();
    return at - count;
  };
  /** The colours that follow where the flags say that there are any. */
  const takePalette = (flags: number): Uint8Array | undefined => {
    const size = flags & 0x80 ? 3 * (2 << (flags & 7)) : 0;
    return size > 0 ? bytes.subarray(take(size), at) : undefined;
  };
  const screen = take(7);
  const shared = takePalette(bytes[screen + 4]!);
  while (true) {
    const kind = bytes[take(1)];
    if (kind === EXTENSION) {
      const isControl = bytes[take(1)] === CONTROL;
      for (let size = bytes[take(1)]!; size > 0; size = bytes[take(1)]!) {
        const block = take(size);
        if (isControl && size >= 4) transparent = bytes[block]! & 1 ? bytes[block + 3]! : undefined;
      }
    } else if (kind === IMAGE) {
      const start = take(9);
      const [left, top, columns, rows] = [0, 2, 4, 6].map((offset) => view.getUint16(start + offset, true));
      const flags = bytes[start + 8]!;
      const palette = takePalette(flags) ?? shared ?? GREYS;
      const width = Math.max(view.getUint16(screen, true), left! + columns!);
      const height = Math.max(view.getUint16(screen + 2, true), top! + rows!);
      if (columns === 0 || rows === 0) throw damaged();
      return {
        height,
        width,
        top: top!,
        left: left!,
        rows: rows!,
        columns: columns!,
        isInterlaced: (flags & 0x40) !== 0,
        palette,
        transparent,
        data: bytes.subarray(at),
      };
    } else {
      throw new Error("it holds no picture"); // the end of the file, or no block at all
    }
  }
}

/** The colours of a file without any. */
const GREYS = Uint8Array.from({ length: 3 * 256 }, (_, i) => Math.floor(i / 3));

/** The numbers of the colours of the frame's pixels, in the order in which they are stored. */
function indicesOf({ data, rows, columns }: Frame): Uint8Array {
  const symbolBits = data[0];
  if (symbolBits === undefined) throw cutOff();
  if (symbolBits < 1 || symbolBits > 8) throw damaged();
  const packed = new Uint8Array(data.length);
  let size = 0;
  for (let at = 1; data[at] !== 0; at += 1 + data[at]!) {
    const block = data[at];
    if (block === undefined) break; // what there is may be enough
    packed.set(data.subarray(at + 1, at + 1 + block), size);
    size += Math.min(block, data.length - at - 1);
  }
  const pixels = unpackLzw(packed.subarray(0, size), rows * columns, { symbolBits, isTiff: false });
  if (pixels.length < rows * columns) throw damaged();
  return pixels;
}
