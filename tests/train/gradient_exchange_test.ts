/** Gradients are exchanged while the backward pass goes on: each bucket when it is whole, to the same sums as after the pass. */
import assert from "node:assert/strict";
import type { Batch } from "../../src/data/batch.ts";
import { type RunConfig, withSettings } from "../../src/config/run_config.ts";
import { Gpu } from "../../src/gpu/gpu.ts";
import type { MultimodalClassifier } from "../../src/models/multimodal_classifier.ts";
import { Parameters } from "../../src/nn/parameters.ts";
import { LossScale } from "../../src/optim/loss_scale.ts";
import { declareModel, differentiate, trainingContext } from "../../src/train/gradient_step.ts";
import { bucketSize, BucketWatch, gradientBuckets } from "../../src/train/gradient_buckets.ts";
import { GradientExchange } from "../../src/train/gradient_exchange.ts";
import { packHalves, sumHalves, unpackHalves, wordsOfPart } from "../../src/optim/half_blocks.ts";
import { Random } from "../../src/base/random.ts";
import type { Collective } from "../../src/distributed/collective.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import type { WireName } from "../../src/train/wires.ts";
import { asRanks } from "../distributed/in_process.ts";
import { openTestGpu } from "../open_gpu.ts";
import { tinyConfig, tinyData } from "./tiny.ts";

const data = tinyData({ train: 16, validation: 3, test: 3 });
/** Elements of a bucket: a layer has several. */
const ELEMENTS = 256;

const two = ["image", "text"].map((name) => `model.encoders.${name}.num_hidden_layers=2`);
const KINDS: Readonly<Record<string, readonly string[]>> = {
  "f32": two,
  "f16": [...two, "training.precision=f16"],
  "layers computed twice": [...two, "model.checkpointing=true"],
  "adapters": [...two, "model.lora.rank=2", 'model.lora.targets=["*.query","text.*.dense"]'],
  "frozen layers": [...two, "model.encoders.text.frozen=1"],
  "towers": ["method=huse", "model.options.tower_size=8", "model.options.embedding_size=8"],
  "missing modalities": [...two, "data.missing=learned"],
};

interface Rank {
  readonly config: RunConfig;
  readonly parameters: Parameters;
  readonly model: MultimodalClassifier;
  readonly lossScale: LossScale | undefined;
}

function rankOf(gpu: Gpu, settings: readonly string[]): Rank {
  const config = withSettings(tinyConfig(), [...settings]);
  const parameters = new Parameters();
  const model = declareModel(parameters, config, data);
  const isHalf = config.training.precision === "f16";
  parameters.allocate(gpu, 1, undefined, isHalf);
  return { config, parameters, model, lossScale: isHalf ? new LossScale(gpu) : undefined };
}

/** Four samples; where modalities may be missing, the first ones of rank 0 have no image, and none of rank 1 has. */
async function batchOf({ config }: Rank, rank: number): Promise<Batch> {
  const rows = Uint32Array.from({ length: 4 }, (_, i) => 4 * rank + i);
  const batch = await data.batch("train", rows);
  if (config.data.missing === "refuse") return batch;
  const absent = 2 + 2 * rank;
  const { image } = (await data.batch("train", rows.subarray(absent))).modalities;
  const present = Uint32Array.from(rows, (_, i) => i < absent ? 0 : 1);
  return { ...batch, modalities: { ...batch.modalities, image: { ...image!, present } } };
}

const contents = async (parameters: Parameters) =>
  await Promise.all(parameters.arrays.map(async ({ grads }) => new Uint32Array((await grads.read()).buffer)));

const plain = await openTestGpu();
const devices = {
  "plans of processors": plain,
  "plans of GPUs": await Gpu.open("auto", { adapterClass: "gpu" }),
};
Deno.test.afterAll(() => devices["plans of GPUs"].destroy());

for (const [plans, gpu] of Object.entries(devices)) {
  for (const [kind, settings] of Object.entries(KINDS)) {
    if (kind === "f16" && !gpu.features.has("shader-f16")) continue;
    // Of GPUs it is layer norms that differ: they leave sums for later in the pass.
    if (gpu !== plain && kind !== "f32" && kind !== "layers computed twice") continue;
    Deno.test(`a bucket is told of when nothing is added to it any more, ${kind}, ${plans}`, async () => {
      const one = rankOf(gpu, settings);
      const buckets = gradientBuckets(one.parameters, ELEMENTS);
      const batch = await batchOf(one, 0);
      const whole: { submit: () => void; dispatches: number }[] = [];
      const watch = new BucketWatch(
        buckets,
        () => whole.push({ submit: gpu.cut(), dispatches: gpu.dispatches }),
      );
      const { model, config, lossScale } = one;
      const begin = gpu.dispatches;
      differentiate(gpu, model, batch, trainingContext(config, 0), 0.5, { lossScale, watch });
      const end = gpu.dispatches;
      const early = [];
      for (const [i, bucket] of buckets.entries()) {
        whole[i]!.submit();
        early.push(await gpu.ahead(() => bucket.read()));
      }
      for (const [i, bucket] of buckets.entries()) {
        assert.deepEqual(early[i], await bucket.read(), `bucket ${i}`);
      }
      const shares = whole.map(({ dispatches }) => (dispatches - begin) / (end - begin));
      // The forward pass takes about the first third of the dispatches.
      assert.ok(shares[0]! < 0.65 && shares[Math.floor(shares.length / 2)]! < 0.95, shares.join(" "));
      assert.ok(shares.at(-1)! > 0.95);
      for (const bucket of buckets) bucket.dispose();
      one.parameters.dispose();
    });
  }
}

/** What three ranks make of their gradients, exchanged within or after the backward pass, and what they called. */
async function exchanged(settings: readonly string[], wire: WireName, isWatched: (rank: number) => boolean) {
  const calls: string[] = [];
  const found = await asRanks(3, async (collective) => {
    const one = rankOf(plain, settings);
    const told = (what: string) => collective.rank === 0 && calls.push(what);
    const spied: Collective = {
      ...collective,
      sum: (values, what) => (told(what), collective.sum(values, what)),
      exchange: (parts, what) => (told(what), collective.exchange(parts, what)),
      collect: (values, what) => (told(what), collective.collect(values, what)),
    };
    const exchange = new GradientExchange(spied, one.parameters, wire, ELEMENTS);
    const { rank } = collective;
    // The last rank has no micro-batch in this step.
    const batch = rank < 2 ? await batchOf(one, rank) : undefined;
    const watch = isWatched(rank) ? exchange.watch() : undefined;
    const { model, config, lossScale } = one;
    if (batch) differentiate(plain, model, batch, trainingContext(config, rank), 0.5, { lossScale, watch });
    exchange.begin("step 1");
    await exchange.end();
    const grads = await contents(one.parameters);
    exchange.dispose();
    one.parameters.dispose();
    return grads;
  });
  assert.deepEqual(found[1], found[0]);
  assert.deepEqual(found[2], found[0]);
  return { grads: found[0]!, calls };
}

for (const [kind, settings] of Object.entries(KINDS)) {
  if (kind === "f16" && !plain.features.has("shader-f16")) continue;
  Deno.test(`exchanged within the backward pass or after it, gradients are the same to the bit: ${kind}`, async () => {
    const after = await exchanged(settings, "f32", () => false);
    const within = await exchanged(settings, "f32", (rank) => rank < 2);
    const mixed = await exchanged(settings, "f32", (rank) => rank === 1);
    assert.ok(after.calls.length > 8);
    for (const other of [within, mixed]) assert.deepEqual(other, after);
    assert.ok(after.grads.some((array) => array.some((bits) => bits !== 0)));
  });
}

Deno.test("gradients that travel as f16 are the same for all ranks, within the backward pass and after, and near those of f32", async () => {
  const exact = await exchanged(KINDS.f32!, "f32", () => false);
  const after = await exchanged(KINDS.f32!, "f16", () => false);
  assert.deepEqual(await exchanged(KINDS.f32!, "f16", (rank) => rank < 2), after);
  for (const [i, grads] of after.grads.entries()) {
    const [found, expected] = [grads, exact.grads[i]!].map((bits) => new Float32Array(bits.buffer));
    const norm = (values: Float32Array) => Math.hypot(...values);
    const error = norm(found!.map((value, at) => value - expected![at]!)) / norm(expected!);
    assert.ok(error > 0 && error < 1e-3, `${error}`);
  }
});

Deno.test("blocks of f16 keep numbers of any size to 11 bits of the largest, and what is not finite is NaN", async () => {
  const elements = 832; // of four blocks, the last is not full
  const magnitudes = [1e-30, 1e38, 1, 1e-6];
  const random = new Random(3);
  const values = Float32Array.from(
    { length: elements },
    (_, i) => magnitudes[i >> 8]! * (2 * random.uniform() - 1),
  );
  const x = Tensor.from(plain, values, [elements]);
  const parts = 3;
  const words = wordsOfPart(elements, parts);
  const packed = Tensor.empty(plain, [parts * words], "u32");
  const there = async () => {
    packHalves(x, packed, parts);
    const y = Tensor.empty(plain, [elements]);
    unpackHalves(packed, y, parts);
    return await y.read();
  };
  const found = await there();
  for (const [i, value] of values.entries()) {
    assert.ok(Math.abs(found[i]! - value) <= magnitudes[i >> 8]! * 2 ** -11, `${value}, ${found[i]}`);
  }
  for (const [at, bad] of [[3, NaN], [600, Infinity]] as const) {
    const worse = values.slice();
    worse[at] = bad;
    plain.write(x, worse);
    const read = await there();
    read.forEach((value, i) => assert.equal(Number.isNaN(value), i >> 8 === at >> 8, `${i}`));
  }
  // One part of each of three ranks, which are alike, is added up in f32.
  plain.write(x, values);
  packHalves(x, packed, parts);
  const all = (await packed.read()).slice(0, words);
  plain.write(packed, Uint32Array.from([...all, ...all, ...all]));
  const sum = Tensor.empty(plain, [words], "u32");
  sumHalves(packed, sum, parts, elements);
  const y = Tensor.empty(plain, [512]); // a part of two blocks
  unpackHalves(sum, y, 1);
  const sums = await y.read();
  for (const [i, value] of sums.entries()) {
    assert.ok(Math.abs(value - 3 * values[i]!) <= 3 * magnitudes[i >> 8]! * 2 ** -10, `${i}: ${value}`);
  }
  for (const tensor of [x, packed, sum, y]) tensor.dispose();
});

Deno.test("gradients of any size make about 12 buckets of 1 to 100 MiB", () => {
  const MIB = 2 ** 20;
  const bytes = (all: number) => 4 * bucketSize(all * MIB) / MIB;
  assert.deepEqual([0.1, 1, 12, 750, 5000].map(bytes).map(Math.round), [1, 1, 1, 63, 100]);
  assert.equal(bucketSize(787e6) % 64, 0);
});
