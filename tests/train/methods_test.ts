/** Every method through the real training loop, on samples that only all modalities together tell apart. */
import assert from "node:assert/strict";
import { type Dataset, type Sample, SampleDataset } from "../../src/data/dataset.ts";
import { FeatureModality } from "../../src/data/modalities.ts";
import { Random } from "../../src/base/random.ts";
import { methods } from "../../src/models/methods/registry.ts";
import { type RunConfig, withSettings } from "../../src/config/run_config.ts";
import { predictionsCsv } from "../../src/runs/predictions.ts";
import { Learner } from "../../src/train/learner.ts";
import { PRESETS } from "../../src/config/presets.ts";
import { openTestGpu } from "../open_gpu.ts";
import { trained } from "./trained.ts";

const COUNTS = { train: 192, validation: 64, test: 192 } as const;
const WIDTH = 4;

/** As many classes as there are numbers of `bits` bits; each modality tells one bit of the label, through noise. */
function bitData(bits: number): SampleDataset {
  const random = new Random(3);
  const samples: Sample[] = [];
  const values = Array.from({ length: bits }, (): number[] => []);
  for (const [split, count] of Object.entries(COUNTS) as [Sample["split"], number][]) {
    for (let i = 0; i < count; i++) {
      const label = Math.floor(random.uniform() * 2 ** bits);
      samples.push({ id: `${split}${i}`, label, split });
      for (const [bit, own] of values.entries()) {
        const sign = label >> bit & 1 ? 1 : -1;
        for (let j = 0; j < WIDTH; j++) own.push(sign + random.between(-1.2, 1.2));
      }
    }
  }
  return new SampleDataset({
    name: "bits",
    classes: Array.from({ length: 2 ** bits }, (_, label) => label.toString(2).padStart(bits, "0")),
    samples,
    parts: values.map((own, bit) => new FeatureModality(`bit${bit}`, Float32Array.from(own), WIDTH)),
  });
}

function bitConfig(bits: number, ...settings: string[]): RunConfig {
  const encoder = { model_type: "mlp", hidden_size: 8, num_hidden_layers: 2, hidden_dropout_prob: 0 };
  const names = Array.from({ length: bits }, (_, bit) => `bit${bit}`);
  const encoders = Object.fromEntries(names.map((name) => [name, encoder]));
  return withSettings(PRESETS.emoji, [
    `model.encoders=${JSON.stringify(encoders)}`,
    'model.head={"hidden_size":16,"dropout":0}',
    "optimizer.encoder_learning_rate=0.01",
    "optimizer.head_learning_rate=0.01",
    "optimizer.learning_rates={}",
    "optimizer.warmup_steps=0",
    "training.micro_batch=32",
    "training.batch=32",
    "training.epochs=6",
    ...settings,
  ]);
}

const two = bitData(2);

for (const { name: method, learnsFusedLoss = true, reads } of methods()) {
  if (reads !== undefined) continue; // see joint_systems_test.ts
  Deno.test(`${method} learns from two modalities what neither tells alone`, async () => {
    const { test: { evaluation } } = await trained(bitConfig(2, `method=${method}`), two);
    const { bit0, bit1, fusion } = evaluation.accuracy;
    // Where nothing is learned from the fused answer, a modality may be certain of what it cannot know.
    assert.ok(fusion! > (learnsFusedLoss ? 0.9 : 0.85), `fusion ${fusion}`);
    for (const alone of [bit0!, bit1!]) assert.ok(alone > 0.4 && alone < 0.6, `a modality alone ${alone}`);
  });
}

Deno.test("three modalities train by every contrast, and each counts", async () => {
  const three = bitData(3);
  for (const method of ["unis-mmc", "unsup-mmc", "sup-mmc"]) {
    const config = bitConfig(3, `method=${method}`, "training.epochs=9");
    const { test: { evaluation }, records } = await trained(config, three);
    assert.ok(evaluation.accuracy.fusion! > 0.8, `${method}: ${evaluation.accuracy.fusion}`);
    assert.deepEqual(Object.keys(evaluation.pairs), ["bit0-bit1", "bit0-bit2", "bit1-bit2"]);
    const { total, contrast, fusion, ...unimodal } = records.at(-1)!.training_loss;
    const { unimodalHeadsAreProbes } = methods().find(({ name }) => name === method)!;
    const heads = unimodalHeadsAreProbes ? [] : Object.values(unimodal);
    const terms = heads.reduce((sum, loss) => sum + loss, fusion!) + 0.1 * contrast!;
    assert.ok(Math.abs(total! - terms) < 1e-4 * terms, `${total} is not the sum ${terms}`);
  }
});

Deno.test("a single modality is all there is of its run, and decides which epoch is best", async () => {
  const config = bitConfig(2, "method=bit1");
  const made = new Set<string>();
  const data: Dataset = {
    ...two,
    modalities: two.modalities,
    count: (split) => two.count(split),
    id: (split, row) => two.id(split, row),
    label: (split, row) => two.label(split, row),
    text: (split, row) => two.text(split, row),
    async batch(...args) {
      const batch = await two.batch(...args);
      for (const name of Object.keys(batch.modalities)) made.add(name);
      return batch;
    },
  };
  const { state, records, weights, test: { evaluation, predictions } } = await trained(config, data);
  assert.deepEqual([...made], ["bit1"], "no other modality is made ready");
  assert.deepEqual(
    new Set([...weights.keys()].map((name) => /^(heads\.)?\w+/.exec(name)![0])),
    new Set(["bit1", "heads.bit1"]),
  );
  const { training_loss, pairs, learning_rates } = records[0]!;
  assert.deepEqual(Object.keys(training_loss), ["total", "bit1"]);
  assert.equal(training_loss.total, training_loss.bit1);
  assert.deepEqual([pairs, Object.keys(learning_rates)], [{}, ["bit1", "heads"]]);
  const accuracies = records.map(({ validation_accuracy }) => validation_accuracy!.bit1!);
  const best = Math.max(...accuracies);
  const epoch = accuracies.indexOf(best) + 1; // there is one validation an epoch
  assert.deepEqual(state.best, { epoch, validation: epoch, score: best });
  assert.deepEqual(Object.keys(evaluation.accuracy), ["bit1"]);
  const { bit1 } = evaluation.accuracy;
  assert.ok(bit1! > 0.4 && bit1! < 0.6, `bit1 ${bit1}`);
  assert.equal(
    predictionsCsv(predictions, two).split("\n")[0],
    "id,path,label,bit1_class,bit1_p(00),bit1_p(01),bit1_p(10),bit1_p(11)",
  );
});

Deno.test("without negative pairs equation 2 is 0, and unis-mmc learns as mt-mml does", async () => {
  const run = (...settings: string[]) => trained(bitConfig(2, "training.epochs=2", ...settings), two);
  const [ablated, plain] = [await run("model.negative=false"), await run("method=mt-mml")];
  assert.equal(ablated.records[1]!.training_loss.contrast, 0);
  assert.deepEqual(ablated.records[1]!.training_accuracy, plain.records[1]!.training_accuracy);
  assert.deepEqual(ablated.test.evaluation, plain.test.evaluation);
});

Deno.test("a method that the data set cannot have is told by name", async () => {
  const gpu = await openTestGpu();
  const config = { ...bitConfig(2), method: "bit2" };
  assert.throws(
    () => new Learner(gpu, config, two),
    /UserError.*"method" must be one of .*agg-mm.*bit0, bit1, got "bit2"/,
  );
});
