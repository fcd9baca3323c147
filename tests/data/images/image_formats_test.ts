// Every format of image files against Pillow on 100 files (scripts/fixtures/image_formats.py), and what is refused.
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { inflateSync } from "node:zlib";
import { Random } from "../../../src/base/random.ts";
import { COLOUR_PATTERN, rgbOf } from "../../../src/data/images/colour.ts";
import { decodeRgb } from "../../../src/data/images/image.ts";

const FOLDER = fileURLToPath(new URL("../../fixtures/image_formats", import.meta.url));

const entries: { file: string; height: number; width: number }[] = JSON.parse(
  await Deno.readTextFile(`${FOLDER}/expected.json`),
);
const expected = new Uint8Array(inflateSync(await Deno.readFile(`${FOLDER}/expected.bin`)));
const read = (file: string) => Deno.readFileSync(`${FOLDER}/${file}`);

/**
 * Pillow computes the colours of AVIF by libyuv, whose fractions have six bits, which shows where chroma is halved, of
 * limited range, or (most) divided by alpha; the others are within 1.
 */
const WIDER: readonly (readonly [file: RegExp, allowed: number])[] = [
  [/^avif_(?:42.*|low_quality|limited_range|alpha_420)\.avif$/, 2],
  [/^avif_premultiplied\.avif$/, 3],
];
const allowedFor = (file: string) => WIDER.find(([pattern]) => pattern.test(file))?.[1] ?? 1;
/** In the last column of odd widths libyuv also repeats halved chroma, where it lies between two samples. */
const LAST_COLUMN_LEFT_OUT = "avif_420_odd.avif";

Deno.test("the fixture holds 100 files of seven formats, 93 of which must be within 1/255 of Pillow", () => {
  assert.equal(entries.length, 100);
  assert.equal(new Set(entries.map(({ file }) => file.split(".")[1])).size, 7);
  assert.equal(entries.filter(({ file }) => allowedFor(file) === 1).length, 93);
  assert.equal(entries.reduce((sum, { height, width }) => sum + height * width * 4, 0), expected.length);
});

/** What lies under transparent pixels, and the fixture's RGBA bytes over it. */
const BACKGROUNDS = [undefined, "black", "#3264C8"];
let at = 0;
for (const { file, height, width } of entries) {
  const rgba = expected.subarray(at, at += height * width * 4);
  const allowed = allowedFor(file);
  const columns = file === LAST_COLUMN_LEFT_OUT ? width - 1 : width;
  const isOpaque = rgba.every((value, i) => i % 4 < 3 || value === 255);
  Deno.test(`decodeRgb() makes of ${file} what Pillow does, within ${allowed}/255`, async () => {
    for (const background of isOpaque ? [undefined] : BACKGROUNDS) {
      const image = await decodeRgb(read(file), { background });
      assert.deepEqual([image.height, image.width], [height, width]);
      const under = rgbOf(background ?? "white");
      let worst = 0;
      image.pixels.forEach((value, i) => {
        const pixel = Math.floor(i / 3), alpha = rgba[pixel * 4 + 3]! / 255;
        if (pixel % width >= columns) return;
        const wanted = rgba[pixel * 4 + i % 3]! * alpha + under[i % 3]! * (1 - alpha);
        worst = Math.max(worst, Math.abs(value - Math.round(wanted)));
      });
      assert.ok(worst <= allowed, `differs by ${worst} over ${background ?? "white"}`);
    }
  });
}

Deno.test("an image of more pixels than allowed is refused by its header, in every format", async () => {
  for (const { file, height, width } of entries) {
    const most = height * width;
    await decodeRgb(read(file), { mostPixels: most });
    await assert.rejects(decodeRgb(read(file), { mostPixels: most - 1 }), /pixels are more than/, file);
  }
});

/** The first picture of these may be whole although the file is not. */
const HAS_MORE = /^(?:gif_animated|tiff_pages)/;

Deno.test("no part of a file passes for the whole", async () => {
  const accepted: string[] = [];
  for (const { file } of entries) {
    const bytes = read(file);
    if (bytes.length < 80) continue;
    const shares = HAS_MORE.test(file) ? [0.1, 0.2] : [0.2, 0.5, 0.8, 0.9];
    for (const share of shares) {
      const part = bytes.slice(0, Math.floor(share * bytes.length));
      await decodeRgb(part).then(() => accepted.push(`${share} of ${file}`), (error) => {
        assert.match(error.message, /^(?:its data is damaged|the file is cut off|it holds no picture)/, file);
      });
    }
  }
  assert.deepEqual(accepted, []);
});

Deno.test("damaged bytes give an image or a reason, and never spoil the next file", async () => {
  const random = new Random(5);
  const draw = (below: number) => Math.floor(below * random.uniform());
  let refused = 0;
  for (const { file, height, width } of entries) {
    for (let trial = 0; trial < 6; trial++) {
      const bytes = read(file);
      for (let i = 0; i < 3; i++) bytes[draw(bytes.length)] = draw(256);
      const outcome = await decodeRgb(bytes, { mostPixels: 1e6 }).catch((error: unknown) => error);
      if (outcome instanceof Error) {
        refused++;
        assert.ok(!/undefined|NaN|Offset|bounds/.test(outcome.message), `${file}: ${outcome.message}`);
      } else {
        const image = outcome as Awaited<ReturnType<typeof decodeRgb>>;
        assert.equal(image.pixels.length, image.height * image.width * 3, file);
      }
    }
    const image = await decodeRgb(read(file));
    assert.deepEqual([image.height, image.width], [height, width], file);
  }
  assert.ok(refused > entries.length, `only ${refused} were refused`);
});

const text = (value: string) => new TextEncoder().encode(value);
const ALL = "JPEG, PNG, WebP, GIF, AVIF, BMP and TIFF are";
const REFUSED: readonly (readonly [what: string, bytes: Uint8Array, message: string])[] = [
  ["nothing", new Uint8Array(), "the file is empty"],
  ["zeros", new Uint8Array(4096), `it holds nothing but zeros: ${ALL}`],
  ["a text", text("hello"), `it is no image: ${ALL}`],
  ["HEIC", text("\0\0\0\x18ftypheic\0\0\0\0"), `it is HEIC, which is not read: ${ALL}`],
  ["HEIF", text("\0\0\0\x18ftypmif1\0\0\0\0"), `it is HEIC, which is not read: ${ALL}`],
  ["SVG", text('<?xml version="1.0"?><svg/>'), `it is SVG, which is not read: ${ALL}`],
  ["a page", text("\n<!DOCTYPE html><html>"), `it is a page of HTML, which is not read: ${ALL}`],
  [
    "a message",
    text('{"error": "not found"}'),
    `it is a message in XML or JSON, which is not read: ${ALL}`,
  ],
  ["PDF", text("%PDF-1.7"), `it is PDF, which is not read: ${ALL}`],
  ["JPEG XL", Uint8Array.of(0xff, 0x0a, 0), `it is JPEG XL, which is not read: ${ALL}`],
  ["a video", text("\0\0\0\x18ftypisom\0\0\0\0"), `it is a video, which is not read: ${ALL}`],
  ["an archive", text("PK\x03\x04"), `it is an archive, which is not read: ${ALL}`],
  [
    "a TIFF of floats",
    tiffWith(339, 3),
    "it is a TIFF of 3 samples of 8 bits, photometric 2, sample format 3, which is not read",
  ],
  ["a TIFF by JPEG", tiffWith(259, 7), "it is a TIFF packed by JPEG, which is not read"],
  ["a TIFF by fax", tiffWith(259, 4), "it is a TIFF packed by CCITT, which is not read"],
  ["a BMP of PNG", bmpWith(30, 5), "it is a BMP of 24 bits a pixel in compression 5, which is not read"],
];
for (const [what, bytes, message] of REFUSED) {
  Deno.test(`decodeRgb() says of ${what} what it is`, async () => {
    await assert.rejects(decodeRgb(bytes), (error) => error instanceof Error && error.message === message);
  });
}

/** A TIFF with one value of its directory changed; the tag of planes becomes one that the file has not. */
function tiffWith(tag: number, value: number): Uint8Array {
  const bytes = read("tiff_tiles.tif");
  const view = new DataView(bytes.buffer);
  const start = view.getUint32(4, true);
  for (let at = start + 2, i = view.getUint16(start, true); i > 0; i--, at += 12) {
    const own = view.getUint16(at, true);
    if (own !== tag && !(tag === 339 && own === 284)) continue;
    view.setUint16(at, tag, true);
    view.setUint16(at + 8, value, true);
  }
  return bytes;
}

function bmpWith(at: number, value: number): Uint8Array {
  const bytes = read("bmp_rgb.bmp");
  bytes[at] = value;
  return bytes;
}

Deno.test("a colour is white, black, or six hexadecimal digits", () => {
  assert.deepEqual(["white", "Black", "#0a10FF"].map(rgbOf), [[255, 255, 255], [0, 0, 0], [10, 16, 255]]);
  assert.deepEqual(
    ["white", "#0a10FF", "red", "#fff", "#12345g", "0a10ff"].map((c) => COLOUR_PATTERN.test(c)),
    [
      true,
      true,
      false,
      false,
      false,
      false,
    ],
  );
});
