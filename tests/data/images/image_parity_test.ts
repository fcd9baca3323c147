// Decoding and resizing against Pillow on 40 files; see scripts/fixtures/images.py.
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { inflateSync } from "node:zlib";
import { decodeRgb } from "../../../src/data/images/image.ts";
import { type Filter, resizeLikePillow } from "../../../src/data/images/pillow_resize.ts";

const FOLDER = fileURLToPath(new URL("../../fixtures/images", import.meta.url));

interface Expected {
  file: string;
  height: number;
  width: number;
  filter: Filter;
  resizedHeight: number;
  resizedWidth: number;
}

const entries: Expected[] = JSON.parse(await Deno.readTextFile(`${FOLDER}/expected.json`));
const pixels = new Uint8Array(inflateSync(await Deno.readFile(`${FOLDER}/expected.bin`)));
const read = (file: string) => Deno.readFile(`${FOLDER}/${file}`);

Deno.test("the image fixture holds 40 files and the pixels of all of them", () => {
  assert.equal(entries.length, 40);
  const bytes = entries.reduce(
    (sum, { resizedHeight, resizedWidth }) => sum + resizedHeight * resizedWidth * 3,
    0,
  );
  assert.equal(pixels.length, bytes);
});

let at = 0;
for (const { file, height, width, filter, resizedHeight, resizedWidth } of entries) {
  const expected = pixels.subarray(at, at += resizedHeight * resizedWidth * 3);
  // Resizing is Pillow's bit for bit; decoders of JPEG may round colours differently.
  const allowed = file.startsWith("jpeg") ? 1 : 0;
  Deno.test(`decodeRgb() and resizeLikePillow() make of ${file} what Pillow does, within ${allowed}/255`, async () => {
    const image = await decodeRgb(await read(file));
    assert.deepEqual([image.height, image.width], [height, width]);
    const resized = resizeLikePillow(image, resizedHeight, resizedWidth, filter);
    assert.equal(resized.pixels.length, expected.length);
    let worst = 0;
    resized.pixels.forEach((value, i) => worst = Math.max(worst, Math.abs(value - expected[i]!)));
    assert.ok(worst <= allowed, `differs by ${worst}`);
  });
}
