/**
 * Reads a large table with images in its cells, or in tar shards, as training does, and says how many samples a second
 * come to the device, and whether memory stays flat: all rows listed, all images digested in their order, then epochs in
 * a shuffled order, the first of which decodes and the others of which take decoded images from the cache.
 *
 *     python scripts/fixtures/large_tables.py FOLDER
 *     deno run -A scripts/table_speed.ts FOLDER/data.parquet image caption label
 *     deno run -A scripts/table_speed.ts FOLDER/shards jpg txt cls --visited 10000    # of each epoch
 *
 * With --v8-flags=--max-semi-space-size=2,--heap-growing-percent=30 before the script, memory is collected as by `unis train`.
 */
import { parseArgs } from "node:util";
import { trainingBatches } from "../src/data/epoch.ts";
import { fitPreprocessing } from "../src/data/fit.ts";
import { digestSamples } from "../src/data/index/digests.ts";
import { datasetFrom } from "../src/data/index/indexed_dataset.ts";
import { drawSplits } from "../src/data/index/sample_index.ts";
import { releaseBatch } from "../src/data/batch.ts";
import { indexTable } from "../src/data/readers/table.ts";
import { Gpu } from "../src/gpu/gpu.ts";
import { capture } from "../src/tensor/scope.ts";
import { Tensor } from "../src/tensor/tensor.ts";
import { formatTable } from "../src/report/table.ts";

const { values: flags, positionals: [file, image, text, label] } = parseArgs({
  allowPositionals: true,
  options: { visited: { type: "string", default: "Infinity" } },
});
if (label === undefined) {
  console.error("usage: table_speed.ts TABLE IMAGE_COLUMN TEXT_COLUMN LABEL_COLUMN [--visited SAMPLES]");
  Deno.exit(2);
}
const SIDE = 32, BATCH = 64, EPOCHS = 2;
const MIB = 2 ** 20;
const rows: string[][] = [[
  "",
  "samples",
  "samples/s",
  "resident MiB: least",
  "largest",
  "after a tenth",
  "at the end",
]];

/** Measures a stretch of work, which tells of every sample. */
async function measure(
  what: string,
  samples: number,
  work: (tell: () => void) => Promise<void>,
): Promise<void> {
  const seen: number[] = [];
  let done = 0;
  const step = Math.ceil(samples / 100);
  const began = performance.now();
  await work(() => {
    if (++done % step === 0) seen.push(Deno.memoryUsage().rss / MIB);
  });
  const seconds = (performance.now() - began) / 1000;
  const tenth = seen[Math.floor(seen.length / 10)]!;
  const shown = [Math.min(...seen), Math.max(...seen), tenth, seen.at(-1)!].map((value) => value.toFixed(0));
  rows.push([what, String(done), (done / seconds).toFixed(0), ...shown]);
  console.error(rows.at(-1)!.join("  "));
}

const began = performance.now();
const index = await indexTable({
  file: file!,
  modalities: { image: { image: image! }, text: { text: text! } },
  label,
  split: null,
  id: null,
  weight: null,
  classes: null,
  validationShare: 0.01,
  testShare: 0.01,
  splitSeed: 1,
  maxWords: 32,
});
drawSplits(index);
const { samples, modalities } = index;
const seconds = (performance.now() - began) / 1000;
const rss = (Deno.memoryUsage().rss / MIB).toFixed(0);
rows.push(["listed", String(samples.length), (samples.length / seconds).toFixed(0), "", "", "", rss]);
console.error(rows.at(-1)!.join("  "));

await measure("digested", samples.length, async (tell) => {
  for (let at = 0; at < samples.length; at += 1000) {
    const some = samples.slice(at, at + 1000);
    await digestSamples(some, modalities, () => {});
    some.forEach(tell);
  }
});

const half: [number, number, number] = [0.5, 0.5, 0.5];
const preprocessing = await fitPreprocessing(index, samples, {
  image: () => ({ height: SIDE, width: SIDE, mean: half, std: half }),
  text: () => ({ maxTokens: 16 }),
});
const cache = await Deno.makeTempDir();
const dataset = await datasetFrom(samples, modalities, preprocessing, {
  augmentation: { flip: 0.5, shift: 0, scale: 0, brightness: 0, contrast: 0, saturation: 0 },
  wordDropout: 0,
  unknownWords: 0,
  validatesOnTraining: false,
  cacheDirectory: cache,
  note: console.error,
});
const gpu = await Gpu.open("auto");
for (let epoch = 1; epoch <= EPOCHS; epoch++) {
  const visited = Math.min(Number(flags.visited), dataset.count("train"));
  await measure(`epoch ${epoch}`, visited, async (tell) => {
    let left = visited;
    for await (const batch of trainingBatches(dataset, BATCH, { seed: 1, epoch })) {
      if ((left -= batch.size) < 0) break;
      const { image } = batch.modalities;
      if (image?.kind !== "image") throw new TypeError("The table has no image");
      const pixels = image.pixels as Uint8Array<ArrayBuffer>;
      const tensor = capture(() => Tensor.from(gpu, pixels, [batch.size, image.height, image.width, 3]));
      await tensor.read(); // it has been there then
      tensor.dispose();
      for (let i = 0; i < batch.size; i++) tell();
      releaseBatch(batch);
    }
  });
}
dataset.close?.();
gpu.destroy();
await Deno.remove(cache, { recursive: true });
console.log(formatTable(rows).join("\n"));
