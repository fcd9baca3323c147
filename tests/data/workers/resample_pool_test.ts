import assert from "node:assert/strict";
import {
  type Augmentation,
  drawAugmentation,
  LIGHT_AUGMENTATION,
} from "../../../src/data/images/augmentation.ts";
import { Random } from "../../../src/base/random.ts";
import { resampleAll, type Resampling } from "../../../src/data/images/resample.ts";
import { ResamplePool } from "../../../src/data/workers/resample_pool.ts";

const STRONG: Augmentation = {
  ...LIGHT_AUGMENTATION,
  crop: { scale: [0.2, 1], ratio: [0.75, 1.3] },
  randAugment: { operations: 2, magnitude: 20 },
};

/** Images of different sizes, all views of one buffer, each varied in its own way. */
function batch(count: number) {
  const random = new Random(7);
  const bytes = Uint8Array.from({ length: 50_000 }, () => 256 * random.uniform());
  const images = Array.from({ length: count }, (_, i) => {
    const [height, width] = [9 + i % 5, 14 - i % 4];
    const pixels = bytes.subarray(100 * i, 100 * i + height * width * 3);
    const size = { height, width, flippable: true, background: 40, target: { height: 8, width: 6 } };
    return {
      image: { pixels, height, width },
      how: drawAugmentation(i % 2 === 0 ? STRONG : LIGHT_AUGMENTATION, random, size),
    };
  });
  return { images, height: 8, width: 6 };
}

Deno.test("ResamplePool gives what one thread gives, by any number of workers, and leaves the images whole", async () => {
  for (const [count, workers] of [[1, 1], [5, 2], [33, 3], [2, 4]] as const) {
    using pool = new ResamplePool(workers);
    const job = batch(count);
    const first = pool.resample(job), second = pool.resample(job);
    assert.deepEqual(await first, resampleAll(batch(count)), `${count} images, ${workers} workers`);
    assert.deepEqual(await second, await first);
  }
});

Deno.test("ResamplePool says what could not be done, and goes on", async () => {
  using pool = new ResamplePool(1);
  const { images, height, width } = batch(3);
  const [{ image }] = images as [typeof images[0]];
  const withoutBox = { image, how: {} as Resampling };
  await assert.rejects(
    pool.resample({ images: [withoutBox], height, width }),
    /Cannot resample 1 images to 8 x 6: .*undefined/,
  );
  assert.deepEqual(await pool.resample(batch(3)), resampleAll(batch(3)));
});

Deno.test("ResamplePool gives the same where all of its workers die", async () => {
  const { Worker } = globalThis;
  let deaths = 0;
  globalThis.Worker = class extends Worker {
    override postMessage(): void {
      deaths++;
      queueMicrotask(() =>
        this.dispatchEvent(new ErrorEvent("error", { message: "killed", cancelable: true }))
      );
    }
  };
  try {
    using pool = new ResamplePool(2);
    assert.deepEqual(await pool.resample(batch(9)), resampleAll(batch(9)));
    assert.equal(deaths, 4, "each half is tried twice");
  } finally {
    globalThis.Worker = Worker;
  }
});

Deno.test("ResamplePool rejects what is left when it is closed, and everything afterwards", async () => {
  const pool = new ResamplePool(1);
  const open = pool.resample(batch(3));
  pool.close();
  await assert.rejects(open, /Cannot resample 3 images to 8 x 6: the pool was closed/);
  await assert.rejects(pool.resample(batch(3)), /the pool is closed/);
});
