// Decoding images leaves no arrays behind for the garbage collector to find later.
import assert from "node:assert/strict";
import { encode } from "fast-png";
import { jpegOf } from "../../../scripts/miniatures.ts";
import { Random } from "../../../src/base/random.ts";
import { release } from "../../../src/base/release.ts";
import { decodeRgb } from "../../../src/data/images/image.ts";
import { type ImagePreparation, prepareImage } from "../../../src/data/images/prepare_image.ts";

const random = new Random(1);
const noise = Uint8Array.from({ length: 240 * 200 * 3 }, () => 255 * random.uniform());
const FILES: Record<string, Uint8Array> = {
  PNG: encode({ width: 240, height: 200, channels: 3, data: noise }),
  JPEG: await jpegOf(1, random),
};
const PREPARATIONS: Record<string, ImagePreparation> = {
  "resized": { resize: { height: 32, width: 48 }, filter: "bilinear" },
  "resized and cropped": { resize: { shortestEdge: 40 }, crop: { height: 32, width: 32 }, filter: "bicubic" },
};

for (const [format, bytes] of Object.entries(FILES)) {
  for (const [how, preparation] of Object.entries(PREPARATIONS)) {
    Deno.test(`decoding a ${format} that is ${how} holds no memory once its pixels are released`, async () => {
      const once = async () => {
        const image = await decodeRgb(bytes);
        const prepared = prepareImage(image, preparation);
        const size = image.pixels.length;
        release(image.pixels);
        release(prepared.pixels);
        return size;
      };
      for (let i = 0; i < 20; i++) await once();
      const before = Deno.memoryUsage().external;
      let decoded = 0;
      for (let i = 0; i < 100; i++) decoded += await once();
      const left = Deno.memoryUsage().external - before;
      assert.ok(left < decoded / 20, `${left} bytes are left of ${decoded} decoded`);
    });
  }
}

Deno.test("release() empties an array that is all of its buffer, and no other", () => {
  const whole = new Float32Array(8), part = new Uint8Array(8).subarray(0, 4);
  release(whole);
  release(whole); // twice does no harm
  release(part);
  assert.equal(whole.length, 0);
  assert.equal(part.length, 4);
});
