/** Files of the least bytes that say what a test wants them to say. */
import { deflateSync } from "node:zlib";
import { joinedBytes } from "../../../src/base/joined_bytes.ts";
import { mendPng } from "./mend.ts";

const latin1 = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0));

export function joined(...parts: readonly (Uint8Array | string)[]): Uint8Array<ArrayBuffer> {
  return joinedBytes(parts.map((part) => typeof part === "string" ? latin1(part) : part));
}

/** Numbers of so many bytes each, the lowest byte first unless told otherwise. */
export function numbers(bytes: 1 | 2 | 4, values: readonly number[], little = true): Uint8Array {
  const view = new DataView(new ArrayBuffer(bytes * values.length));
  for (const [i, value] of values.entries()) {
    if (bytes === 1) view.setUint8(i, value);
    else if (bytes === 2) view.setUint16(2 * i, value, little);
    else view.setUint32(4 * i, value, little);
  }
  return new Uint8Array(view.buffer);
}
const big = (value: number) => numbers(4, [value], false);

export const chunk = (type: string, content: Uint8Array) =>
  joined(big(content.length), type, content, big(0));

/** A PNG of one bit a pixel. */
export function png(width: number, height: number, raw: Uint8Array, ...more: Uint8Array[]): Uint8Array {
  const header = joined(big(width), big(height), numbers(1, [1, 0, 0, 0, 0]));
  const file = joined(
    "\x89PNG\r\n\x1a\n",
    chunk("IHDR", header),
    ...more,
    chunk("IDAT", deflateSync(raw)),
    chunk("IEND", new Uint8Array()),
  );
  mendPng(file);
  return file;
}
export const pngRows = (width: number, height: number) => new Uint8Array(height * (1 + Math.ceil(width / 8)));
/** A GIF of this canvas, whose frame has one pixel. */
export const gif = (width: number, height: number) =>
  joined(
    "GIF89a",
    numbers(2, [width, height]),
    "\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0;",
  );

/** A TIFF of these tags, each of one value, and of data. */
export function tiff(tags: Readonly<Record<number, number>>, data: Uint8Array): Uint8Array {
  const entries = Object.entries(tags);
  const start = 8 + 2 + 12 * entries.length + 4;
  const all = { ...tags, 273: start, 279: data.length };
  return joined(
    "II*\0",
    numbers(4, [8]),
    numbers(2, [entries.length]),
    ...Object.entries(all).map(([tag, value]) =>
      joined(numbers(2, [Number(tag), 4]), numbers(4, [1, value]))
    ),
    numbers(4, [0]),
    data,
  );
}
export const GREY = { 258: 8, 262: 1, 277: 1, 273: 0, 279: 0 };

/** A lossless WebP that says how large it is, and holds nothing. */
export const webp = (width: number, height: number) => {
  const bits = numbers(4, [(width - 1) + (height - 1) * 2 ** 14]);
  const data = joined("\x2f", bits, new Uint8Array(3));
  return joined("RIFF", numbers(4, [12 + data.length]), "WEBPVP8L", numbers(4, [data.length]), data);
};
export const webpCanvas = () =>
  joined("RIFF", numbers(4, [22]), "WEBPVP8X", numbers(4, [10]), numbers(4, [0]), "\xff\xff\xff\xff\xff\xff");

/** A baseline JPEG of this size whose data end at once, or a progressive one of many scans. */
export function jpeg(width: number, height: number, scans = 0): Uint8Array {
  const segment = (marker: number, content: Uint8Array) =>
    joined(numbers(1, [0xff, marker]), numbers(2, [content.length + 2], false), content);
  const size = numbers(2, [height, width], false);
  const table = (kind: number) => joined(numbers(1, [kind, 1, ...Array(15).fill(0), 0]));
  const scan = (first: number, last: number) =>
    joined(segment(0xda, numbers(1, [1, 1, 0, first, last, 0])), numbers(1, [0]));
  return joined(
    "\xff\xd8",
    segment(0xdb, joined("\0", new Uint8Array(64).fill(1))),
    segment(scans > 0 ? 0xc2 : 0xc0, joined("\x08", size, numbers(1, [1, 1, 0x11, 0]))),
    segment(0xc4, joined(table(0), table(0x10))),
    ...scans > 0
      ? Array.from({ length: scans }, (_, i) => i === 0 ? scan(0, 0) : scan(1, 63))
      : [scan(0, 63)],
    "\xff\xd9",
  );
}

export const bmp = (width: number, height: number, compression: number) =>
  joined(
    "BM",
    numbers(4, [0, 0, 54 + 1024, 40, width, height]),
    numbers(2, [1, 8]),
    numbers(4, [compression, 0, 0, 0, 256, 0]),
    new Uint8Array(1024),
    "\0\x01",
  );

/** The header of a member of a tar archive. */
export function tarHeader(name: string, size: number, type: string): Uint8Array {
  const header = new Uint8Array(512);
  header.set(latin1(name));
  header.set(numbers(1, [0x80, 0, 0, 0, 0, 0, 0, Math.floor(size / 2 ** 32)]), 124);
  header.set(big(size % 2 ** 32), 132);
  header.set(latin1(type), 156);
  header.set(latin1("ustar\x0000"), 257);
  header.fill(0x20, 148, 156);
  const sum = header.reduce((all, byte) => all + byte, 0);
  header.set(latin1(`${sum.toString(8).padStart(6, "0")}\0 `), 148);
  return header;
}
