import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { DecodePool } from "../../../src/data/workers/decode_pool.ts";
import { type Sample, SampleDataset } from "../../../src/data/dataset.ts";
import { evaluationBatches } from "../../../src/data/epoch.ts";
import { decodeRgb } from "../../../src/data/images/image.ts";
import { ImageFiles, type ImageFilesOptions } from "../../../src/data/images/image_files.ts";
import { MemorySlots } from "../../../src/data/images/image_slots.ts";
import { jpeg, readJpegHeader } from "../../../src/data/images/formats/jpeg.ts";
import { ImageModality } from "../../../src/data/modalities.ts";
import { prepareImage } from "../../../src/data/images/prepare_image.ts";
import { parsePreprocessor } from "../../../src/data/images/preprocessor.ts";
import { type ImageLocation, StoredBytes } from "../../../src/data/stored_bytes.ts";
import { UserError } from "../../../src/base/user_error.ts";

const FIXTURES = fileURLToPath(new URL("../../fixtures/images", import.meta.url));
const preprocessor = parsePreprocessor({ size: { height: 12, width: 16 } }, "test");
const names = ["jpeg_420.jpg", "png_alpha.png", "jpeg_exif_6.jpg", "png_palette_2_bit.png", "jpeg_grey.jpg"];
const paths = names.map((name) => join(FIXTURES, name));
const expected = await Promise.all(
  paths.map(async (path) =>
    prepareImage(await decodeRgb(await Deno.readFile(path)), preprocessor.preparation)
  ),
);
const fail = (message: string) => assert.fail(message);

async function withFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "unis-images-" });
  try {
    await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const open = (
  folder: string,
  own: Partial<ImageFilesOptions> = {},
  files: readonly ImageLocation[] = paths,
) =>
  new ImageFiles(files, preprocessor, {
    name: "test",
    directory: join(folder, "cache"),
    note: fail,
    workers: 2,
    ...own,
  });

Deno.test("DecodePool gives every file its own pixels, whatever the order they come back in", async () => {
  using pool = new DecodePool(preprocessor.preparation, 2);
  const rounds = Array.from({ length: 20 }, (_, i) => (i * 3) % paths.length);
  const images = await Promise.all(rounds.map((i) => pool.decode(paths[i]!)));
  images.forEach((image, at) => assert.deepEqual(image, expected[rounds[at]!]));
});

Deno.test("DecodePool gives up an image that takes too long, and names it", async () => {
  using pool = new DecodePool(preprocessor.preparation, 1, 1);
  await assert.rejects(
    pool.decode(paths[0]!),
    (error) =>
      error instanceof UserError &&
      error.message === `Cannot read the image ${paths[0]}: it took more than 0.001 s, and was given up`,
  );
});

Deno.test("DecodePool names a file that is missing, cut off or no image, and goes on", () =>
  withFolder(async (folder) => {
    const whole = await Deno.readFile(paths[0]!);
    const png = await Deno.readFile(join(FIXTURES, "png_rgb.png"));
    const text = (content: string) => new TextEncoder().encode(content);
    const bad: [string, Uint8Array | undefined, RegExp][] = [
      ["missing.jpg", undefined, /Cannot read the image .*missing\.jpg/],
      ["cut.jpg", whole.subarray(0, whole.length - 40), /cut\.jpg: the file is cut off/],
      ["header.jpg", whole.subarray(0, 2), /header\.jpg: the file is cut off/],
      ["text.png", text("hello"), /text\.png: it is no image: JPEG, PNG, WebP, GIF, AVIF, BMP and TIFF are/],
      ["empty.jpg", new Uint8Array(), /empty\.jpg: the file is empty/],
      ["photo.jpg", text("RIFF\x24\0\0\0WEBPVP8 "), /photo\.jpg: the file is cut off/],
      ["photo.gif", text("GIF89a"), /photo\.gif: the file is cut off/],
      ["photo.heic", text("\0\0\0 ftypheic"), /it is HEIC, which/],
      ["photo.avif", text("\0\0\0 ftypavif"), /photo\.avif: the file is cut off/],
      ["drawing.svg", text('<svg xmlns="http://www.w3.org/2000/svg"/>'), /it is SVG, which/],
      ["page.jpg", text("\n<!DOCTYPE html><html>"), /it is a page of HTML, which/],
      ["cut.tif", text("II*\0"), /cut\.tif: its data is damaged or cut off/],
      ["cut.bmp", text("BM"), /cut\.bmp: its data is damaged or cut off/],
      ["cut.png", png.subarray(0, png.length - 20), /cut\.png: its data is damaged or cut off/],
      ["header.png", png.subarray(0, 12), /header\.png: its data is damaged or cut off/],
      ["damaged.jpg", whole.map((byte, at) => at > 20 && at < 120 ? 0x11 : byte), /damaged\.jpg: /],
    ];
    using pool = new DecodePool(preprocessor.preparation, 2);
    for (const [name, bytes] of bad) if (bytes !== undefined) await Deno.writeFile(join(folder, name), bytes);
    const results = await Promise.allSettled(bad.map(([name]) => pool.decode(join(folder, name))));
    results.forEach((result, i) => {
      assert.equal(result.status, "rejected", bad[i]![0]);
      assert.ok(result.reason instanceof UserError);
      assert.match(result.reason.message, bad[i]![2]);
    });
    assert.deepEqual(await pool.decode(paths[0]!), expected[0], "the next image is whole");
  }));

Deno.test("DecodePool rejects what is left when it is closed, and everything afterwards", async () => {
  const pool = new DecodePool(preprocessor.preparation, 1);
  const open = Array.from({ length: 6 }, () => pool.decode(paths[0]!));
  pool.close();
  for (const result of await Promise.allSettled(open)) assert.equal(result.status, "rejected");
  await assert.rejects(pool.decode(paths[0]!), /closed/);
});

Deno.test("ImageFiles decodes once; later readers take the bytes from the cache", () =>
  withFolder(async (folder) => {
    {
      using files = open(folder);
      const images = await Promise.all(paths.map((_, i) => files.image(i)));
      assert.deepEqual(images, expected);
      assert.ok(!(files.image(1) instanceof Promise), "the second time it is there at once");
    }
    using files = open(folder);
    paths.forEach((_, i) => assert.deepEqual(files.image(i), expected[i]));
    assert.throws(() => files.image(paths.length), RangeError);
  }));

Deno.test("ImageFiles asked twice for one image decodes it once", () =>
  withFolder(async (folder) => {
    using files = open(folder);
    const first = files.image(0);
    assert.equal(files.image(0), first);
    assert.deepEqual(await first, expected[0]);
  }));

Deno.test("ImageFiles decodes with an image those of its block, each once, and tells of a bad one who asks for it", () =>
  withFolder(async (folder) => {
    const reads = new Map<string, number>();
    const bad = 4;
    const stored = await Promise.all(paths.map(async (path, i) => {
      const bytes = await Deno.readFile(path);
      const read = () => {
        reads.set(names[i]!, (reads.get(names[i]!) ?? 0) + 1);
        return i === bad ? bytes.slice(0, 9) : bytes.slice();
      };
      return new StoredBytes(paths[0]!, names[i]!, read, ["a", "b", "a", undefined, "a"][i]);
    }));
    const read = () => [...reads.entries()].flatMap(([name, times]) => Array(times).fill(name)).toSorted();
    for (const directory of [join(folder, "cache"), undefined]) {
      reads.clear();
      using files = open(folder, { directory }, stored);
      assert.deepEqual(await files.image(2), expected[2]);
      assert.deepEqual(await files.image(0), expected[0]);
      await assert.rejects(async () => await files.image(bad), UserError);
      assert.deepEqual(read().filter((name) => name !== names[bad]), [names[2], names[0]].toSorted());
      assert.deepEqual(await files.image(3), expected[3], "one that is read by itself");
      assert.equal(reads.get(names[1]!), undefined, "the other block was not asked for");
    }
  }));

Deno.test("ImageFiles decodes again what changed, what is damaged in the cache, and for other settings", () =>
  withFolder(async (folder) => {
    const copies = paths.map((_, i) => join(folder, `${i}.img`));
    for (const [i, path] of paths.entries()) await Deno.copyFile(path, copies[i]!);
    const warm = async () => {
      using files = open(folder, {}, copies);
      return await Promise.all(copies.map((_, i) => files.image(i)));
    };
    await warm();
    await Deno.copyFile(paths[1]!, copies[0]!);
    assert.deepEqual((await warm())[0], expected[1]);
    {
      using files = open(folder, {}, copies);
      assert.ok(copies.every((_, i) => !(files.image(i) instanceof Promise)), "all are kept");
    }
    const [entry] = [...Deno.readDirSync(join(folder, "cache"))];
    const cache = join(folder, "cache", entry!.name);
    const bytes = await Deno.readFile(cache);
    bytes[bytes.length - 7]! ^= 1;
    await Deno.writeFile(cache, bytes);
    {
      using files = open(folder, {}, copies);
      const last = files.image(copies.length - 1);
      assert.ok(last instanceof Promise, "a flipped bit is found");
      assert.deepEqual(await last, expected.at(-1));
      assert.ok(!(files.image(0) instanceof Promise), "the others are whole");
    }
    await Deno.writeFile(cache, bytes.subarray(0, 100));
    assert.deepEqual((await warm())[4], expected[4], "a cache that was cut off");
    await Deno.writeTextFile(cache, "something else");
    assert.deepEqual((await warm())[2], expected[2], "no cache at all");
    const other = parsePreprocessor({ size: { height: 12, width: 16 }, resample: 3 }, "test");
    using files = new ImageFiles(copies, other, {
      name: "test",
      directory: join(folder, "cache"),
      note: fail,
      workers: 1,
    });
    assert.notDeepEqual(await files.image(2), expected[2]);
  }));

Deno.test("ImageFiles names a file that went missing though its pixels are kept", () =>
  withFolder(async (folder) => {
    const copy = join(folder, "copy.jpg");
    await Deno.copyFile(paths[0]!, copy);
    using files = open(folder, {}, [copy]);
    await files.image(0);
    await Deno.remove(copy);
    assert.throws(() => files.image(0), /UserError.*Cannot read the image .*copy\.jpg/);
  }));

Deno.test("ImageFiles says that its folder cannot be used, and keeps images in memory", () =>
  withFolder(async (folder) => {
    const blocked = join(folder, "file");
    await Deno.writeTextFile(blocked, "");
    const notes: string[] = [];
    using files = open(folder, { directory: blocked, note: (message) => notes.push(message) });
    assert.deepEqual(await files.image(3), expected[3]);
    assert.deepEqual(files.image(3), expected[3]);
    assert.equal(notes.length, 1);
    assert.match(notes[0]!, /Cannot use the image cache .*file/);
  }));

Deno.test("MemorySlots keep no more than they may", () => {
  const slots = new MemorySlots(10);
  slots.write(0, 1n, new Uint8Array(6));
  slots.write(1, 1n, new Uint8Array(6));
  assert.equal(slots.read(0, 1n)?.length, 6);
  assert.equal(slots.read(0, 3n), undefined, "another file");
  assert.equal(slots.read(1, 1n), undefined, "no room");
});

Deno.test("evaluationBatches() of image files are in order, the same from workers and from the cache", () =>
  withFolder(async (folder) => {
    const samples = Array.from({ length: 11 }, (_, i): Sample => ({ id: `${i}`, label: 0, split: "test" }));
    const epoch = async () => {
      const source = open(folder, {}, samples.map((_, i) => paths[i % paths.length]!));
      const still = { flip: 0, shift: 0, scale: 0, brightness: 0, contrast: 0, saturation: 0 };
      const part = new ImageModality(
        { name: "image", kind: "image", ...preprocessor.spec },
        source,
        { augmentation: still, flippable: () => false, background: 0 },
      );
      const data = new SampleDataset({ name: "files", classes: ["a"], samples, parts: [part] });
      const pixels: number[] = [];
      for await (const { modalities } of evaluationBatches(data, "test", 4)) {
        const { image } = modalities;
        if (image?.kind === "image") pixels.push(...image.pixels);
      }
      data.close();
      return pixels;
    };
    const all = samples.flatMap((_, i) => [...expected[i % paths.length]!.pixels]);
    assert.deepEqual(await epoch(), all);
    assert.deepEqual(await epoch(), all);
  }));

Deno.test("readJpegHeader() finds every cut: a JPEG is whole or refused", async () => {
  for (const name of ["jpeg_small_upwards.jpg", "jpeg_grey_progressive.jpg", "jpeg_exif_6.jpg"]) {
    const whole = await Deno.readFile(join(FIXTURES, name));
    readJpegHeader(whole);
    readJpegHeader(Uint8Array.of(...whole, 1, 2, 3)); // what follows the end does not matter
    for (let length = 0; length < whole.length; length++) {
      assert.throws(() => readJpegHeader(whole.subarray(0, length)), /cut off/, `${name}, ${length} bytes`);
    }
  }
});

Deno.test("JPEGs are decoded again after data that libjpeg gives up on", async () => {
  const bytes = await Deno.readFile(paths[0]!);
  const good = await jpeg.decode(bytes);
  const bad = bytes.slice(); // with a Huffman table of more codes than there can be
  const table = bad.findIndex((byte, at) => byte === 0xff && bad[at + 1] === 0xc4);
  bad.fill(0xff, table + 5, table + 21);
  for (let i = 0; i < 3; i++) await assert.rejects(async () => await jpeg.decode(bad), /damaged/);
  assert.deepEqual((await jpeg.decode(bytes)).data, good.data);
});
