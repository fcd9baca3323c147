import assert from "node:assert/strict";
import type { PreparedSample } from "../../src/app/predict/growing_batch.ts";
import { GrowingBatch } from "../../src/app/predict/growing_batch.ts";
import type { InputReader } from "../../src/app/predict/inputs.ts";
import { preparedBatches } from "../../src/app/predict/prepared_batches.ts";
import { Random } from "../../src/base/random.ts";
import { BadRow } from "../../src/data/index/index_builder.ts";
import type { ModalityPreprocessing } from "../../src/data/preprocessing.ts";

const SIDE = 2;
const MODALITIES = [
  { name: "image", kind: "image", height: SIDE, width: SIDE },
  { name: "text", kind: "text", tokenizer: { padId: 0 }, maxTokens: 16 },
  { name: "numbers", kind: "features", columns: ["a", "b"] },
] as unknown as ModalityPreprocessing[];

/** The sample of a row is made of its number. */
function sampleOf(number: number): PreparedSample {
  return {
    image: { pixels: new Uint8Array(SIDE * SIDE * 3).fill(number), height: SIDE, width: SIDE },
    text: new Uint32Array(1 + number % 12).fill(1 + number),
    numbers: Float32Array.of(number, -number),
  };
}

/** Rows take a random number of turns; `open` is told how many are on their way. */
function slowReader(isBad: (number: number) => boolean, open: (count: number) => void): InputReader {
  const random = new Random(1);
  let count = 0;
  return {
    async prepare({ number }: { number: number }) {
      open(++count);
      for (let turns = random.between(0, 9); turns > 0; turns--) await Promise.resolve();
      count--;
      if (isBad(number)) throw new BadRow("row", `is ${number}`);
      return sampleOf(number);
    },
    grow: (size: number) => new GrowingBatch(MODALITIES, size),
  } as unknown as InputReader;
}

async function* numbered(count: number) {
  for (let number = 0; number < count; number++) {
    yield await Promise.resolve({ line: number + 2, values: { number } });
  }
}

for (const every of [Infinity, 7, 2, 1]) {
  Deno.test(`batches hold the samples of their rows in order where one row in ${every} is bad`, async () => {
    const isBad = (number: number) => number % every === every - 1;
    const refused: string[] = [];
    const good: number[] = [];
    const options = {
      batchSize: 10,
      refused: ({ line }: { line: number }, why: string) => refused.push(`${line} ${why}`),
    };
    for await (const { rows, batch } of preparedBatches(slowReader(isBad, () => {}), numbered(33), options)) {
      const numbers = rows.map(({ values }) => values.number as number);
      good.push(...numbers);
      const whole = new GrowingBatch(MODALITIES, numbers.length);
      for (const [row, number] of numbers.entries()) whole.put(row, sampleOf(number));
      assert.deepEqual(batch, whole.finish([...numbers.keys()]));
      const { image, text, numbers: values } = batch.modalities;
      assert.ok(image?.kind === "image" && text?.kind === "text" && values?.kind === "features");
      for (const [row, number] of numbers.entries()) {
        assert.ok(image.pixels.subarray(row * 12, (row + 1) * 12).every((byte) => byte === number));
        const own: Uint32Array = text.ids.subarray(row * text.tokens, (row + 1) * text.tokens);
        assert.deepEqual([...own].filter((id) => id !== 0), Array(1 + number % 12).fill(1 + number));
        assert.deepEqual([...values.values.subarray(row * 2, row * 2 + 2)], [number, -number]);
      }
    }
    const all = Array.from({ length: 33 }, (_, number) => number);
    assert.deepEqual(good, all.filter((number) => !isBad(number)));
    assert.deepEqual(refused, all.filter(isBad).map((number) => `${number + 2} is ${number}`));
  });
}

Deno.test("a few rows are on their way at once, however large batches are", async () => {
  let most = 0;
  const reader = slowReader(() => false, (count) => most = Math.max(most, count));
  let rows = 0;
  const options = { batchSize: 1000, refused: () => assert.fail("no row is bad") };
  for await (const prepared of preparedBatches(reader, numbered(5000), options)) rows += prepared.rows.length;
  assert.equal(rows, 5000);
  assert.ok(most > 1 && most <= 8 * navigator.hardwareConcurrency, `${most} rows were on their way`);
});

Deno.test("an error that is none of a row ends the stream", async () => {
  const reader = slowReader(() => false, (count) => {
    if (count > 0) throw new TypeError("broken");
  });
  const options = { batchSize: 2, refused: () => assert.fail("no row is bad") };
  await assert.rejects(async () => {
    for await (const _ of preparedBatches(reader, numbered(9), options)) assert.fail("there is a batch");
  }, /broken/);
});
