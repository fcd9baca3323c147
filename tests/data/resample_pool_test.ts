import assert from "node:assert/strict";
import { drawAugmentation, LIGHT_AUGMENTATION } from "../../src/data/augmentation.ts";
import { Random } from "../../src/data/random.ts";
import { resampleAll } from "../../src/data/resample.ts";
import { ResamplePool } from "../../src/data/resample_pool.ts";

/** Images of different sizes, all views of one buffer, each varied in its own way. */
function batch(count: number) {
  const random = new Random(7);
  const bytes = Uint8Array.from({ length: 50_000 }, () => 256 * random.uniform());
  const images = Array.from({ length: count }, (_, i) => {
    const [height, width] = [9 + i % 5, 14 - i % 4];
    const pixels = bytes.subarray(100 * i, 100 * i + height * width * 3);
    const size = { height, width, flippable: true, background: 40 };
    return { image: { pixels, height, width }, how: drawAugmentation(LIGHT_AUGMENTATION, random, size) };
  });
  return { images, height: 8, width: 6 };
}

Deno.test("ResamplePool gives what one thread gives, by any number of workers, and leaves the images whole", async () => {
  for (const [count, workers] of [[1, 1], [5, 2], [33, 3], [2, 4]] as const) {
    const pool = new ResamplePool(workers);
    try {
      const job = batch(count);
      const first = pool.resample(job), second = pool.resample(job);
      assert.deepEqual(await first, resampleAll(batch(count)), `${count} images, ${workers} workers`);
      assert.deepEqual(await second, await first);
    } finally {
      pool.close();
    }
  }
});

Deno.test("ResamplePool rejects what is left when it is closed", async () => {
  const pool = new ResamplePool(1);
  const open = pool.resample(batch(3));
  pool.close();
  await assert.rejects(open, /closed/);
});
