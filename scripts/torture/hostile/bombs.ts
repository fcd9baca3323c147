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
import {
  bmp,
  chunk,
  gif,
  GREY,
  joined,
  jpeg,
  numbers,
  png,
  pngRows,
  tarHeader,
  tiff,
  webp,
  webpCanvas,
} from "./crafted.ts";
import { FORMATS } from "./formats.ts";

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
