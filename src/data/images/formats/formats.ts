/** The formats of image files that are read, and names of others. A file's format is told by its bytes, never by its name. */
import { avif } from "./avif.ts";
import { bmp } from "./bmp.ts";
import { gif } from "./gif.ts";
import type { ImageFormat } from "./image_format.ts";
import { jpeg } from "./jpeg.ts";
import { png } from "./png.ts";
import { tiff } from "./tiff.ts";
import { webp } from "./webp.ts";

const FORMATS: readonly ImageFormat[] = [jpeg, png, webp, gif, avif, bmp, tiff];

/** Formats that are not read, by how their files begin. */
const UNREAD: readonly (readonly [format: string, start: RegExp])[] = [
  ["HEIC", /^[^]{4}ftyp(?:hei|hev|mif|msf)/],
  ["JPEG XL", /^(?:\xff\n|\0{3}\fJXL )/],
  ["JPEG 2000", /^(?:\0{3}\fjP {2}|\xffO\xffQ)/],
  ["a page of HTML", /^(?:\xef\xbb\xbf)?\s*<(?:!doctype html|html|head|body)/i],
  ["SVG", /^(?:\xef\xbb\xbf)?\s*<(?:svg|\?xml|!doctype svg)/i],
  ["a message in XML or JSON", /^(?:\xef\xbb\xbf)?\s*(?:<[a-z!]|[{[])/i],
  ["PDF", /^%PDF/],
  ["a document of Photoshop", /^8BPS/],
  ["a video", /^(?:[^]{4}ftyp|[^]E\xdf\xa3|RIFF[^]{4}AVI )/],
  ["a TIFF of 64 bits", /^(?:II\+\0|MM\0\+)/],
  ["an archive", /^(?:PK[^]{2}|Rar!|7z\xbc\xaf)/],
];

/** The format of a file. Throws an Error that says what the file is in place of an image that is read. */
export function formatOf(bytes: Uint8Array): ImageFormat {
  const found = FORMATS.find((format) => format.matches(bytes));
  if (found !== undefined) return found;
  if (bytes.length === 0) throw new Error("the file is empty");
  const start = String.fromCharCode(...bytes.subarray(0, 64));
  const other = UNREAD.find(([, pattern]) => pattern.test(start))?.[0];
  const what = bytes.every((byte) => byte === 0)
    ? "it holds nothing but zeros"
    : other === undefined
    ? "it is no image"
    : `it is ${other}, which is not read`;
  const names = FORMATS.map(({ name }) => name);
  throw new Error(`${what}: ${names.slice(0, -1).join(", ")} and ${names.at(-1)} are`);
}
