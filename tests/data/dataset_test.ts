import assert from "node:assert/strict";
import type { Batch, FeatureBatch, ImageBatch, Split, TextBatch } from "../../src/data/batch.ts";
import { LIGHT_AUGMENTATION } from "../../src/data/images/augmentation.ts";
import { type Sample, SampleDataset } from "../../src/data/dataset.ts";
import { evaluationBatches, shuffledRows, trainingBatches } from "../../src/data/epoch.ts";
import { FeatureModality, ImageModality, TextModality } from "../../src/data/modalities.ts";
import { Random } from "../../src/base/random.ts";
import { TextTokenizer } from "../../src/data/text/tokenizer.ts";
import { wordPieceJson } from "../../src/data/text/tokenizer_json.ts";
import { numbered } from "../../src/data/text/word_piece.ts";

const tokenizer = new TextTokenizer(
  wordPieceJson(numbered(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "red", "green", "blue"])),
);
const colours = ["red", "green", "blue"];
const AUGMENTATION = {
  ...LIGHT_AUGMENTATION,
  crop: { scale: [0.2, 1], ratio: [0.75, 1.3] },
  randAugment: { operations: 2, magnitude: 20 },
} as const;
const SPLITS: Split[] = ["train", "validation", "test"];

/** Ten samples of three modalities: noise images, texts of 0 to 9 words, feature vectors. */
function threeModalities(): SampleDataset {
  const samples = Array.from({ length: 10 }, (_, i): Sample => ({
    id: `sample-${i}`,
    label: i % 3,
    split: i < 7 ? "train" : i < 9 ? "validation" : "test",
  }));
  const random = new Random(1);
  const images = samples.map(() => Uint8Array.from({ length: 12 * 16 * 3 }, () => 256 * random.uniform()));
  const texts = samples.map((_, i) => new Array(i).fill(colours[i % 3]).join(" "));
  return new SampleDataset({
    name: "three",
    classes: colours,
    samples,
    parts: [
      new ImageModality(
        { name: "photo", kind: "image", height: 6, width: 8, mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] },
        // An image may have to be waited for.
        { image: (i) => Promise.resolve({ pixels: images[i]!, height: 12, width: 16 }) },
        { augmentation: AUGMENTATION, flippable: () => true, background: 0 },
      ),
      new TextModality("title", tokenizer, texts, { maxTokens: 32, wordDropout: 0.3 }),
      new FeatureModality("sensor", Float32Array.from({ length: 20 }, (_, i) => i), 2),
    ],
  });
}

const photo = (batch: Batch) => batch.modalities.photo as ImageBatch;
const title = (batch: Batch) => batch.modalities.title as TextBatch;
const sensor = (batch: Batch) => batch.modalities.sensor as FeatureBatch;

async function collect(batches: AsyncIterable<Batch>): Promise<Batch[]> {
  const all: Batch[] = [];
  for await (const batch of batches) all.push(batch);
  return all;
}

Deno.test("SampleDataset describes its samples by split and row", () => {
  const data = threeModalities();
  assert.deepEqual(SPLITS.map((split) => data.count(split)), [7, 2, 1]);
  assert.deepEqual([data.id("validation", 1), data.label("validation", 1)], ["sample-8", 2]);
  assert.equal(data.text("train", 2), "blue blue");
  assert.deepEqual(data.modalities.map(({ name, kind }) => [name, kind]), [
    ["photo", "image"],
    ["title", "text"],
    ["sensor", "features"],
  ]);
  assert.throws(() => data.id("test", 1), /RangeError.*Row 1 is outside the 1 samples of the test split/);
});

Deno.test("SampleDataset refuses a label without a class and modalities of one name", () => {
  const samples: Sample[] = [{ id: "a", label: 3, split: "train" }];
  assert.throws(
    () => new SampleDataset({ name: "x", classes: colours, samples, parts: [] }),
    /RangeError.*Label 3 of a/,
  );
  const part = new FeatureModality("f", new Float32Array(2), 2);
  assert.throws(
    () => new SampleDataset({ name: "x", classes: colours, samples: [], parts: [part, part] }),
    /f, f/,
  );
});

Deno.test("batch() brings every modality of the rows asked for", async () => {
  const data = threeModalities();
  const batch = await data.batch("validation", Uint32Array.of(1, 0));
  assert.equal(batch.size, 2);
  assert.deepEqual([...batch.rows], [1, 0]);
  assert.deepEqual([...batch.labels], [2, 1]);
  assert.deepEqual([...sensor(batch).values], [16, 17, 14, 15]);
  assert.equal(photo(batch).pixels.length, 2 * 6 * 8 * 3);
  assert.equal(title(batch).tokens, 16); // [CLS], 8 words, [SEP]
  assert.deepEqual([...title(batch).ids.subarray(0, 11)], [2, 6, 6, 6, 6, 6, 6, 6, 6, 3, 0]);
  assert.deepEqual([...title(batch).mask.subarray(16)], [1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0]);
});

Deno.test("batch() augments a sample by (seed, epoch, sample) alone", async () => {
  const data = threeModalities();
  const size = 6 * 8 * 3;
  const together = photo(await data.batch("train", Uint32Array.of(3, 5, 6), { seed: 4, epoch: 2 })).pixels;
  const alone = photo(await data.batch("train", Uint32Array.of(5), { seed: 4, epoch: 2 })).pixels;
  assert.deepEqual(together.subarray(size, 2 * size), alone);
  const others = [{ seed: 4, epoch: 3 }, { seed: 5, epoch: 2 }, undefined];
  for (const key of others) {
    const other = photo(await data.batch("train", Uint32Array.of(5), key)).pixels;
    assert.notDeepEqual(other, alone, JSON.stringify(key));
  }
});

Deno.test("batch() drops words in training only, never the special tokens", async () => {
  const data = threeModalities();
  const rows = Uint32Array.of(6);
  let dropped = 0;
  for (let epoch = 0; epoch < 100; epoch++) {
    const { ids, mask } = title(await data.batch("train", rows, { seed: 1, epoch }));
    const kept = ids.filter((_, i) => mask[i] === 1);
    assert.deepEqual([kept[0], kept.at(-1)], [2, 3]);
    assert.ok(kept.subarray(1, -1).every((id) => id === 4));
    dropped += 8 - kept.length;
  }
  assert.ok(dropped > 140 && dropped < 220, `${dropped} of 600 dropped, 180 expected`);
  assert.deepEqual([...title(await data.batch("train", rows)).ids], [2, 4, 4, 4, 4, 4, 4, 3]);
});

Deno.test("batch() shuffles words in training only, keeping the pieces of each together", () => {
  const pieces = new TextTokenizer(
    wordPieceJson(numbered(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "red", "##dish", "blue", "sky"])),
  );
  const texts = new TextModality("title", pieces, ["reddish blue what sky"], {
    maxTokens: 9,
    isSet: true,
  });
  const orders = new Set<string>();
  for (let key = 0; key < 100; key++) {
    const ids = [...texts.batch(Uint32Array.of(0), () => new Random(key)).ids];
    assert.equal(ids[ids.indexOf(4) + 1], 5);
    orders.add(ids.join());
  }
  assert.equal(orders.size, 24, "four words");
  assert.deepEqual([...texts.batch(Uint32Array.of(0)).ids], [2, 4, 5, 6, 1, 7, 3, 0]);
});

Deno.test("batch() reads some words as [UNK], in training only", () => {
  const text = Array(50).fill("reddish blue").join(" ");
  const pieces = new TextTokenizer(
    wordPieceJson(numbered(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "red", "##dish", "blue"])),
  );
  const texts = new TextModality("title", pieces, [text], { maxTokens: 200, unknownWords: 0.2 });
  const count = (ids: Uint32Array, id: number) => ids.filter((one) => one === id).length;
  let unknown = 0;
  for (let key = 0; key < 20; key++) {
    const { ids } = texts.batch(Uint32Array.of(0), () => new Random(key));
    assert.equal(count(ids, 4), count(ids, 5), "a word is unknown as a whole");
    assert.equal(count(ids, 4) + count(ids, 6) + count(ids, 1), 100, "and is one [UNK]");
    unknown += count(ids, 1);
  }
  assert.ok(unknown > 330 && unknown < 470, `${unknown} of 2000 unknown, 400 expected`);
  assert.equal(count(texts.batch(Uint32Array.of(0)).ids, 1), 0);
});

Deno.test("batch() refuses to augment another split than training", async () => {
  const data = threeModalities();
  for (const split of ["validation", "test"] as const) {
    await assert.rejects(
      data.batch(split, Uint32Array.of(0), { seed: 1, epoch: 1 }),
      /RangeError.*training split/,
    );
  }
});

Deno.test("trainingBatches() visits every sample once, in an order of (seed, epoch)", async () => {
  const data = threeModalities();
  const rowsOf = async (key: { seed: number; epoch: number }) => {
    const batches = await collect(trainingBatches(data, 3, key));
    assert.deepEqual(batches.map(({ size }) => size), [3, 3, 1]);
    return batches.flatMap(({ rows }) => [...rows]);
  };
  const first = await rowsOf({ seed: 1, epoch: 0 });
  assert.deepEqual(first.toSorted((a, b) => a - b), [0, 1, 2, 3, 4, 5, 6]);
  assert.deepEqual(await rowsOf({ seed: 1, epoch: 0 }), first);
  assert.notDeepEqual(await rowsOf({ seed: 1, epoch: 1 }), first);
  assert.notDeepEqual(await rowsOf({ seed: 2, epoch: 0 }), first);
});

Deno.test("trainingBatches() augments, evaluationBatches() of the training split does not", async () => {
  const data = threeModalities();
  const plain = await data.batch("train", Uint32Array.of(0, 1, 2, 3, 4, 5, 6));
  const [evaluated] = await collect(evaluationBatches(data, "train", 7));
  assert.deepEqual(evaluated, plain);
  const [trained] = await collect(trainingBatches(data, 7, { seed: 1, epoch: 0 }));
  const key = { seed: 1, epoch: 0 };
  assert.deepEqual(trained, await data.batch("train", shuffledRows(7, key), key));
  const size = 6 * 8 * 3;
  trained!.rows.forEach((row, at) => {
    const [varied, asIs] = [photo(trained!), photo(plain)].map(({ pixels }, i) => {
      const start = (i === 0 ? at : row) * size;
      return pixels.subarray(start, start + size);
    });
    assert.notDeepEqual(varied, asIs);
  });
});

Deno.test("evaluationBatches() goes through a split in order and keeps the last short batch", async () => {
  const data = threeModalities();
  for (const size of [1, 3, 7, 100]) {
    const batches = await collect(evaluationBatches(data, "train", size));
    assert.deepEqual(batches.flatMap(({ rows }) => [...rows]), [0, 1, 2, 3, 4, 5, 6]);
  }
  await assert.rejects(collect(evaluationBatches(data, "train", 0)), /RangeError.*batch size/);
});

Deno.test("evaluationBatches() passes on the error of an image that cannot be had", async () => {
  const broken = new ImageModality(
    { name: "photo", kind: "image", height: 2, width: 2, mean: [0, 0, 0], std: [1, 1, 1] },
    {
      image: (i) =>
        i < 2 ? { pixels: new Uint8Array(12), height: 2, width: 2 } : Promise.reject(new Error("gone")),
    },
    { augmentation: LIGHT_AUGMENTATION, flippable: () => true, background: 0 },
  );
  const samples = [0, 1, 2].map((i): Sample => ({ id: String(i), label: 0, split: "test" }));
  const data = new SampleDataset({ name: "x", classes: ["a"], samples, parts: [broken] });
  await assert.rejects(collect(evaluationBatches(data, "test", 1)), /gone/);
  for await (const batch of evaluationBatches(data, "test", 2)) {
    assert.equal(batch.size, 2);
    break; // leaves while the broken batch is under way
  }
});

Deno.test("shuffledRows() puts every row in every place about equally often", () => {
  const seen = new Array<number>(25).fill(0);
  for (let epoch = 0; epoch < 2000; epoch++) {
    shuffledRows(5, { seed: 3, epoch }).forEach((row, place) => seen[row * 5 + place]!++);
  }
  for (const times of seen) assert.ok(Math.abs(times - 400) < 90, `${times} instead of about 400`); // 5 deviations
});
