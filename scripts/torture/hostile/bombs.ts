/**
 * Small files that say they are large, and large ones that say nothing: each is refused in one line, or read, within bounds of
 * memory and time that are those of a mutated file where no others are told.
 */
import { join } from "node:path";
import { deflateSync, gzipSync } from "node:zlib";
import { UserError } from "../../../src/base/user_error.ts";
import { reason } from "../../../src/io/file_bytes.ts";
import { decodeRgb } from "../../../src/data/images/image.ts";
import type { Outcome } from "../attack.ts";
import { FORMATS } from "./formats.ts";
import { mendPng } from "./mend.ts";

export interface Bomb {
  readonly what: string;
  /** Reads it; `folder` is empty and its own. */
  readonly read: (folder: string) => Promise<void>;
  /** What it is refused with; not given where it is to be read. */
  readonly refusal?: RegExp;
  readonly seconds?: number;
  readonly mebibytes?: number;
}

const utf8 = new TextEncoder();
const latin1 = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0));

function joined(...parts: readonly (Uint8Array | string)[]): Uint8Array<ArrayBuffer> {
  const all = parts.map((part) => typeof part === "string" ? latin1(part) : part);
  const whole = new Uint8Array(all.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of all) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Numbers of so many bytes each, the lowest byte first unless told otherwise. */
function numbers(bytes: 1 | 2 | 4, values: readonly number[], little = true): Uint8Array {
  const view = new DataView(new ArrayBuffer(bytes * values.length));
  for (const [i, value] of values.entries()) {
    if (bytes === 1) view.setUint8(i, value);
    else if (bytes === 2) view.setUint16(2 * i, value, little);
    else view.setUint32(4 * i, value, little);
  }
  return new Uint8Array(view.buffer);
}
const big = (value: number) => numbers(4, [value], false);

/** Bytes by the reader of a format. */
const by = (format: string, content: Uint8Array | string | (() => Uint8Array)) => async (folder: string) => {
  const read = await FORMATS.find(({ name }) => name === format)!.open(folder);
  const bytes = typeof content === "function" ? content() : content;
  await read(new Uint8Array(typeof bytes === "string" ? utf8.encode(bytes) : bytes));
};
/** An image, of as many pixels as the program reads. */
const image = (make: () => Uint8Array) => async () => void await decodeRgb(make());

/** A file with holes: `size` bytes, of which those are written that are given by their places. */
const sparse = (
  format: string,
  name: string,
  size: number,
  parts: readonly (readonly [at: number, content: Uint8Array | string])[],
) =>
async (folder: string) => {
  const path = join(folder, name);
  using file = Deno.openSync(path, { write: true, create: true });
  for (const [at, content] of parts) {
    file.seekSync(at, Deno.SeekMode.Start);
    file.writeSync(joined(content));
  }
  file.truncateSync(size);
  await FORMATS.find((one) => one.name === format)!.readPath!(path, folder);
};

const chunk = (type: string, content: Uint8Array) => joined(big(content.length), type, content, big(0));

/** A PNG of one bit a pixel. */
function png(width: number, height: number, raw: Uint8Array, ...more: Uint8Array[]): Uint8Array {
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
const pngRows = (width: number, height: number) => new Uint8Array(height * (1 + Math.ceil(width / 8)));
/** A GIF of this canvas, whose frame has one pixel. */
const gif = (width: number, height: number) =>
  joined(
    "GIF89a",
    numbers(2, [width, height]),
    "\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0;",
  );

/** A TIFF of these tags, each of one value, and of data. */
function tiff(tags: Readonly<Record<number, number>>, data: Uint8Array): Uint8Array {
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
const GREY = { 258: 8, 262: 1, 277: 1, 273: 0, 279: 0 };

/** A lossless WebP that says how large it is, and holds nothing. */
const webp = (width: number, height: number) => {
  const bits = numbers(4, [(width - 1) + (height - 1) * 2 ** 14]);
  const data = joined("\x2f", bits, new Uint8Array(3));
  return joined("RIFF", numbers(4, [12 + data.length]), "WEBPVP8L", numbers(4, [data.length]), data);
};
const webpCanvas = () =>
  joined("RIFF", numbers(4, [22]), "WEBPVP8X", numbers(4, [10]), numbers(4, [0]), "\xff\xff\xff\xff\xff\xff");

/** A baseline JPEG of this size whose data end at once, or a progressive one of many scans. */
function jpeg(width: number, height: number, scans = 0): Uint8Array {
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

const bmp = (width: number, height: number, compression: number) =>
  joined(
    "BM",
    numbers(4, [0, 0, 54 + 1024, 40, width, height]),
    numbers(2, [1, 8]),
    numbers(4, [compression, 0, 0, 0, 256, 0]),
    new Uint8Array(1024),
    "\0\x01",
  );

/** The header of a member of a tar archive. */
function tarHeader(name: string, size: number, type: string): Uint8Array {
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

const DEPTH = 1_000_000, GIB = 2 ** 30;
const MANY = /\d+x\d+ pixels are more than 178956970/;
const DEEP = /nests deeper than \d+ levels/;
/** The largest picture that is read. */
const SIDE = 13_000;
const LARGEST = { seconds: 20, mebibytes: 2048 };
/** Readers look for NUL in the first bytes, which stand in no text. */
const TEXT = "x".repeat(5000);
const HEADER = "title,a,b,label,id\n";

const ALL: readonly Bomb[] = [
  { what: "PNG of 60000 x 60000", read: image(() => png(60_000, 60_000, new Uint8Array(9))), refusal: MANY },
  { what: `PNG of ${SIDE} x ${SIDE}`, read: image(() => png(SIDE, SIDE, pngRows(SIDE, SIDE))), ...LARGEST },
  {
    what: "PNG of a pixel whose data are a GiB",
    read: image(() => png(1, 1, new Uint8Array(GIB))),
    refusal: /damaged or cut off/,
    mebibytes: 2048, // most of which it takes to make it
    seconds: 20,
  },
  {
    what: "PNG with a text that is a GiB",
    read: image(() =>
      png(1, 1, new Uint8Array(2), chunk("zTXt", joined("a\0\0", deflateSync(new Uint8Array(GIB)))))
    ),
    mebibytes: 2048,
    seconds: 20,
  },
  { what: "GIF of 65535 x 65535", read: image(() => gif(65_535, 65_535)), refusal: MANY },
  { what: `GIF of ${SIDE} x ${SIDE}`, read: image(() => gif(SIDE, SIDE)), ...LARGEST },
  {
    what: "TIFF of 2^31 x 2^31",
    read: image(() => tiff({ 256: 2 ** 31, 257: 2 ** 31, ...GREY, 259: 1 }, new Uint8Array(9))),
    refusal: MANY,
  },
  {
    what: "TIFF of strips of 2^32 - 1 rows",
    read: image(() => tiff({ 256: 10, 257: 10, ...GREY, 259: 1, 278: 2 ** 32 - 1 }, new Uint8Array(9))),
    refusal: /cut off|damaged/,
  },
  {
    what: "TIFF of a pixel whose data are a GiB",
    read: image(() => tiff({ 256: 1, 257: 1, ...GREY, 259: 8 }, deflateSync(new Uint8Array(GIB)))),
    refusal: /damaged or cut off/,
    mebibytes: 2048,
    seconds: 20,
  },
  {
    what: "TIFF of tiles of 60000 x 60000",
    read: image(() => tiff({ 256: 1, 257: 1, ...GREY, 259: 1, 322: 60_000, 323: 60_000 }, new Uint8Array(9))),
    refusal: /damaged/,
  },
  {
    what: "TIFF of 65535 samples a pixel",
    read: image(() => tiff({ 256: SIDE, 257: SIDE, ...GREY, 259: 32773, 277: 65_535 }, new Uint8Array(9))),
    refusal: /damaged/,
  },
  { what: "WebP of 16384 x 16384", read: image(() => webp(16_384, 16_384)), refusal: MANY },
  { what: `WebP of ${SIDE} x ${SIDE}`, read: image(() => webp(SIDE, SIDE)), refusal: /damaged/, ...LARGEST },
  { what: "WebP of a canvas of 2^24 x 2^24", read: image(webpCanvas), refusal: MANY },
  { what: "JPEG of 65500 x 65500", read: image(() => jpeg(65_500, 65_500)), refusal: MANY },
  { what: `JPEG of ${SIDE} x ${SIDE}`, read: image(() => jpeg(SIDE, SIDE)), ...LARGEST },
  {
    what: "JPEG of 10000 scans",
    read: image(() => jpeg(4000, 4000, 10_000)),
    refusal: /scans/,
  },
  { what: "BMP of 2^31 - 1 x 2^31 - 1", read: image(() => bmp(2 ** 31 - 1, 2 ** 31 - 1, 0)), refusal: MANY },
  { what: `BMP of ${SIDE} x ${SIDE} in runs`, read: image(() => bmp(SIDE, SIDE, 1)), ...LARGEST },

  { what: "config.json of a million levels", read: by("config.json", "[".repeat(DEPTH)), refusal: DEEP },
  {
    what: "config.json of a million objects",
    read: by("config.json", '{"a":'.repeat(DEPTH)),
    refusal: DEEP,
  },
  {
    what: "config.json of 10 GiB",
    read: sparse("config.json", "config.json", 10 * GIB, [[0, "{"]]),
    refusal: /over the limit of 100000000 bytes/,
  },
  {
    what: "tokenizer.json of a million levels",
    read: by("tokenizer.json", '{"a":'.repeat(DEPTH)),
    refusal: DEEP,
  },
  {
    what: "tokenizer.json of 10 GiB",
    read: sparse("tokenizer.json", "tokenizer.json", 10 * GIB, [[0, "{"]]),
    refusal: /over the limit of \d+ bytes/,
  },
  {
    what: "preprocessor_config.json of a million levels",
    read: by("preprocessor_config.json", `{"size":${"[".repeat(DEPTH)}${"]".repeat(DEPTH)}}`),
    refusal: /not laid out as expected at "size"/,
  },
  {
    what: "YAML of a hundred thousand levels",
    read: by("yaml", `a: ${"[".repeat(1e5)}`),
    refusal: DEEP,
    seconds: 20,
  },
  {
    what: "YAML of aliases of aliases",
    read: by(
      "yaml",
      Array.from(
        "abcdefghij",
        (name, i, all = "abcdefghij") =>
          `${name}: &${name} [${i === 0 ? "x" : Array(9).fill(`*${all[i - 1]}`).join(", ")}]`,
      ).join("\n"),
    ),
    refusal: /alias/,
  },
  {
    what: "YAML of 10 GiB",
    read: sparse("yaml", "experiment.yaml", 10 * GIB, [[0, "a: "]]),
    refusal: /over the limit of \d+ bytes/,
  },

  {
    what: "safetensors with a header of 10 GB",
    read: by("safetensors", joined(numbers(4, [10_000_000_000 % 2 ** 32, 2]), "{}")),
    refusal: /header length 10000000000 is over the limit/,
  },
  {
    what: "safetensors with a tensor of 2^40 elements",
    read: by("safetensors", () => {
      const header = '{"a":{"dtype":"F32","shape":[1099511627776],"data_offsets":[0,4398046511104]}}';
      return joined(numbers(4, [header.length, 0]), header);
    }),
    refusal: /outside the 0 bytes of data/,
  },
  {
    what: "a pickle with a text of 2^60 bytes",
    read: by(
      "pytorch",
      joined("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x8e", numbers(4, [0, 2 ** 28])),
    ),
    refusal: /pickle/,
  },
  {
    what: "a pickle of five million marks",
    read: by(
      "pytorch",
      joined("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.", "(".repeat(5_000_000)),
    ),
    refusal: /nests deeper than 1000 marks/,
  },

  {
    what: "CSV with a cell of 1 GiB that is never closed",
    read: sparse("csv", "items.csv", GIB, [[0, `${HEADER}"${TEXT}`]]),
    seconds: 20,
    mebibytes: 1536,
  },
  {
    what: "CSV with a cell of 200 MB",
    read: sparse("csv", "items.csv", 200e6, [[0, `${HEADER}"${TEXT}`], [200e6 - 16, '",1,2,red,1\n']]),
    seconds: 20,
    mebibytes: 1536,
  },
  {
    what: "CSV with 200000 columns",
    read: by("csv", `${"a,".repeat(200_000)}b\n`),
    refusal: /has no column "title"/,
  },
  {
    what: "JSON lines with a line of a GiB",
    read: sparse("jsonl", "items.jsonl", GIB, [[0, `{"title":"${TEXT}`], [GIB - 8, '"}\n']]),
    refusal: /No line .* is a JSON object: line 1 is longer than 67108864 characters/,
    seconds: 20,
    mebibytes: 1536,
  },
  {
    what: "JSON lines of a million levels",
    read: by("jsonl", `{"title":${"[".repeat(DEPTH)}\n`),
    refusal: DEEP,
  },
  {
    what: "tar with a long name of 8 GiB",
    read: sparse("tar", "items.tar", 9 * GIB, [[0, tarHeader("a", 8 * GIB, "L")]]),
    refusal: /name of \d+ bytes/,
  },
  {
    what: "tar with a text of 8 GiB",
    read: sparse("tar", "items.tar", 9 * GIB, [[0, tarHeader("a.txt", 8 * GIB, "0")]]),
  },
  {
    what: "Parquet that is no Parquet, of 10 GiB",
    read: sparse("parquet", "items.parquet", 10 * GIB, [[0, "PAR1"], [10 * GIB - 8, "\xff\xff\xff\x7fPAR1"]]),
    refusal: /its metadata are of \d+ bytes/,
  },
  {
    what: "gzip in place of a PNG",
    read: image(() => gzipSync(new Uint8Array(1000))),
    refusal: /no image/,
  },
];

/** Those that take some seconds come last. */
const isQuick = ({ seconds }: Bomb) => seconds === undefined;
export const BOMBS: readonly Bomb[] = [...ALL.filter(isQuick), ...ALL.filter((one) => !isQuick(one))];
export const QUICK = ALL.filter(isQuick).length;

/** Reads the bomb of a number, from 1. */
export async function bomb(number: number, folder: string): Promise<Outcome> {
  const { what, read, refusal } = BOMBS[number - 1]!;
  try {
    await read(await Deno.makeTempDir({ dir: folder }));
  } catch (error) {
    const isSaid = error instanceof UserError || (error instanceof Error && error.constructor === Error);
    if (refusal !== undefined && isSaid && refusal.test(reason(error))) return { how: "refused" };
    return { failed: `${what}: ${error instanceof Error ? error.stack?.slice(0, 1500) : error}` };
  }
  return refusal === undefined ? { how: "read" } : { failed: `${what} is read, not refused` };
}
