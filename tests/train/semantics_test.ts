/** What the published code does otherwise in training and evaluation; its losses are in tests/models/methods_test.ts. */
import assert from "node:assert/strict";
import type { Dataset } from "../../src/data/dataset.ts";
import { mirrorAtRandom } from "../../src/data/images/mirror.ts";
import { type RunConfig, type SettledConfig, withSettings } from "../../src/config/run_config.ts";
import { predict } from "../../src/train/evaluation.ts";
import { predictionsCsv } from "../../src/runs/predictions.ts";
import { Learner } from "../../src/train/learner.ts";
import { microBatches } from "../../src/train/micro_batches.ts";
import { PRESETS } from "../../src/config/presets.ts";
import { RunFolder } from "../../src/runs/run_folder.ts";
import { SEMANTICS } from "../../src/config/semantics.ts";
import { train } from "../../src/train/trainer.ts";
import { openTestGpu } from "../open_gpu.ts";
import { silent, tinyConfig, tinyData } from "./tiny.ts";
import { largestDifference, trained } from "./trained.ts";

const COUNTS = { train: 27, validation: 10, test: 7 };

/** The rows of each batch that a run asks for, by split. */
function listening(data: Dataset): { data: Dataset; asked: Record<string, number[][]> } {
  const asked: Record<string, number[][]> = { train: [], validation: [], test: [] };
  const heard: Dataset = {
    name: data.name,
    classes: data.classes,
    modalities: data.modalities,
    count: (split) => data.count(split),
    id: (split, row) => data.id(split, row),
    label: (split, row) => data.label(split, row),
    text: (split, row) => data.text(split, row),
    batch(split, rows, augment) {
      asked[split]!.push([...rows]);
      return data.batch(split, rows, augment);
    },
  };
  return { data: heard, asked };
}

const range = (start: number, end: number) => Array.from({ length: end - start }, (_, i) => start + i);

Deno.test("--semantics authors turns on what train.sh does, each can be set alone, and none is on by default", () => {
  const { emoji } = PRESETS;
  const names = Object.keys(SEMANTICS.authors);
  assert.equal(names.length, 10);
  // Its train.sh starts two processes, whose sampler shuffles.
  assert.ok(Object.entries(SEMANTICS.authors).every(([name, on]) => on === (name !== "unshuffled")));
  assert.ok(Object.values(emoji.semantics).every((on) => !on));
  for (const name of names) {
    const { semantics } = withSettings(emoji, [`semantics.${name}=true`]);
    assert.deepEqual(semantics, { ...SEMANTICS.paper, [name]: true });
  }
});

Deno.test("summed_accumulation makes a step's gradient as many times larger as it has micro-batches", async () => {
  // An epsilon so large that Adam's step grows with the gradient, and one step.
  const settings = ["head.dropout=0", "encoders.text.hidden_dropout_prob=0"].map((key) => `model.${key}`)
    .concat(
      "method=mt-mml",
      "model.encoders.text.attention_probs_dropout_prob=0",
      "optimizer.epsilon=1e3",
      "optimizer.weight_decay=0",
      "optimizer.warmup_steps=0",
      "training.epochs=1",
      "training.batch=16",
      "training.micro_batch=4",
    );
  const data = tinyData({ ...COUNTS, train: 16 });
  const moved = async (rate: number, summed: boolean) => {
    const rates = [`optimizer.encoder_learning_rate=${rate}`, `optimizer.head_learning_rate=${rate}`];
    return (await trained(tinyConfig(...settings, ...rates, `semantics.summed_accumulation=${summed}`), data))
      .weights;
  };
  const start = await moved(1e-12, false);
  const averaged = largestDifference(start, await moved(100, false));
  const summed = largestDifference(start, await moved(100, true));
  assert.ok(averaged > 1e-3, `the step moved nothing: ${averaged}`);
  assert.ok(Math.abs(summed / averaged - 4) < 0.02, `${summed} is not four times ${averaged}`);
});

Deno.test("summed gradients of two processes are averaged first: half the sum", async () => {
  const settings = ["training.batch=16", "training.micro_batch=4", "training.processes=2"];
  const config = tinyConfig(...settings, "semantics.summed_accumulation=true") as SettledConfig;
  const weights: number[] = [];
  const data = tinyData({ ...COUNTS, train: 16 });
  for await (const { weight } of microBatches(data, config, 16, 0)) weights.push(weight);
  assert.deepEqual(weights, [0.5, 0.5, 0.5, 0.5]); // the sum over two of the mean over two
  assert.throws(
    () => tinyConfig("training.micro_batch=8", "training.processes=4"),
    /UserError.*"training.batch" must be a multiple of "training.micro_batch" times "training.processes".*8 times 4/,
  );
});

Deno.test("incomplete_dropped leaves out what not all processes have, in training alone", async () => {
  const { data, asked } = listening(tinyData(COUNTS));
  const config = tinyConfig(
    "training.epochs=1",
    "training.micro_batch=4",
    "training.processes=4",
    "training.evaluation_batch=4",
    "semantics.incomplete_dropped=true",
  );
  await trained(config, data);
  assert.equal(asked.train!.length, 4); // 27 samples: four each of fours, not 6
  assert.deepEqual(asked.validation, [range(0, 4), range(4, 8)]);
});

Deno.test("plateau_on_training has the scheduler watch the accuracy in training", async () => {
  const data = tinyData(COUNTS);
  for (const watched of ["validation", "training"] as const) {
    const { state, records } = await trained(
      tinyConfig("training.epochs=1", `semantics.plateau_on_training=${watched === "training"}`),
      data,
    );
    const { training_accuracy, validation_accuracy } = records[0]!;
    assert.notEqual(training_accuracy.fusion, validation_accuracy!.fusion);
    const expected = watched === "training" ? training_accuracy.fusion : validation_accuracy!.fusion;
    assert.equal(state.plateau.best, expected);
    assert.equal(state.best!.score, validation_accuracy!.fusion, "the best epoch is that of validation");
  }
});

Deno.test("unshuffled visits training samples in order in every epoch, as no other run does", async () => {
  for (const unshuffled of [true, false]) {
    const { data, asked } = listening(tinyData(COUNTS));
    await trained(tinyConfig("training.epochs=2", `semantics.unshuffled=${unshuffled}`), data);
    const visited = asked.train!.flat();
    const epochs = [visited.slice(0, 27), visited.slice(27)];
    for (const epoch of epochs) {
      assert.deepEqual(epoch.toSorted((a, b) => a - b), range(0, 27));
      if (unshuffled) assert.deepEqual(epoch, range(0, 27));
      else assert.notDeepEqual(epoch, range(0, 27));
    }
  }
});

Deno.test("incomplete_dropped leaves out incomplete batches, in evaluation too", async () => {
  const { data, asked } = listening(tinyData(COUNTS));
  const config = tinyConfig(
    "training.epochs=1",
    "training.micro_batch=4",
    "training.batch=8",
    "training.evaluation_batch=4",
    "semantics.incomplete_dropped=true",
  );
  const { state, records, test } = await trained(config, data);
  // 27, 10 and 7 samples in fours; the 24 of training make three steps of eight.
  assert.deepEqual(asked.train!.map((rows) => rows.length), [4, 4, 4, 4, 4, 4]);
  assert.equal(new Set(asked.train!.flat()).size, 24);
  assert.deepEqual(asked.validation, [range(0, 4), range(4, 8)]);
  assert.deepEqual(asked.test, [range(0, 4)]);
  assert.equal(state.step, 3);
  assert.equal(test.evaluation.samples, 4);
  assert.ok(Number.isInteger(records[0]!.validation_accuracy!.fusion! * 8));
  assert.equal(predictionsCsv(test.predictions, data).trim().split("\n").length, 5);
});

Deno.test("incomplete_dropped refuses to leave nothing", async () => {
  const gpu = await openTestGpu();
  const data = tinyData({ train: 9, validation: 3, test: 3 });
  const dropped = (...settings: string[]) => tinyConfig("semantics.incomplete_dropped=true", ...settings);
  assert.throws(
    () => {
      const learner = new Learner(gpu, dropped("training.micro_batch=16"), data);
      using _ = { [Symbol.dispose]: () => learner.dispose() };
      learner.mustBeTrainable(data);
    },
    /UserError.*incomplete_dropped.*fewer than 16, and there are 9 training samples/,
  );
  await assert.rejects(
    trained(dropped("training.epochs=1"), data),
    /UserError.*validation split.*"training.evaluation_batch", 16, and it has 3 samples/,
  );
});

Deno.test("mirrorAtRandom() mirrors images by seed and row, and nothing else", async () => {
  const data = tinyData({ ...COUNTS, test: 32 });
  const batch = await data.batch("test", Uint32Array.from(range(0, 32)));
  const image = (from: typeof batch) => {
    const input = from.modalities.image!;
    assert.ok(input.kind === "image");
    return input.pixels;
  };
  const before = image(batch).slice();
  const always = mirrorAtRandom(batch, 1, 1);
  const [size, line] = [8 * 8 * 3, 8 * 3];
  for (const [i, value] of image(always).entries()) {
    const [row, x, channel] = [Math.floor(i / line), Math.floor(i % line / 3), i % 3];
    assert.equal(value, before[row * line + (7 - x) * 3 + channel]);
  }
  assert.deepEqual(image(batch), before, "the batch itself is as it was");
  assert.equal(always.modalities.text, batch.modalities.text);
  assert.deepEqual(image(mirrorAtRandom(batch, 0, 1)), before);

  const half = image(mirrorAtRandom(batch, 0.5, 1));
  assert.deepEqual(half, image(mirrorAtRandom(batch, 0.5, 1)));
  assert.notDeepEqual(half, image(mirrorAtRandom(batch, 0.5, 2)));
  const sample = (pixels: Uint8Array, i: number) => pixels.subarray(i * size, (i + 1) * size).join();
  const mirrored = range(0, 32).filter((i) => sample(half, i) === sample(image(always), i)).length;
  const kept = range(0, 32).filter((i) => sample(half, i) === sample(before, i)).length;
  assert.ok(mirrored >= 8 && kept >= 8 && mirrored + kept === 32, `${mirrored} mirrored, ${kept} kept`);
});

Deno.test("mirrored_evaluation shows the model mirrored images", async () => {
  const data = tinyData(COUNTS);
  const mirror = (config: RunConfig): Dataset => ({
    ...listening(data).data,
    batch: async (...args) => mirrorAtRandom(await data.batch(...args), 0.5, config.seed),
  });
  const evaluated = async (config: RunConfig, from: Dataset) => {
    const learner = new Learner(await openTestGpu(), config, from);
    const { probabilities } = await predict(learner, from, "test");
    learner.dispose();
    return probabilities;
  };
  const config = tinyConfig("semantics.mirrored_evaluation=true", "data.flip=0.5");
  const found = await evaluated(config, data);
  assert.deepEqual(found, await evaluated(tinyConfig(), mirror(config)));
  const plain = await evaluated(tinyConfig(), data);
  assert.notDeepEqual(found.get("image"), plain.get("image"));
  assert.deepEqual(found.get("text"), plain.get("text"));
});

Deno.test("dropout_until_validation trains the second epoch as if there were no dropout", async () => {
  const data = tinyData(COUNTS);
  const noDropout = [
    "model.head.dropout=0",
    "model.encoders.text.hidden_dropout_prob=0",
    "model.encoders.text.attention_probs_dropout_prob=0",
  ];
  const weights = async (first: string[], second: string[]) => {
    const folder = Deno.makeTempDirSync();
    let run = RunFolder.create(folder, tinyConfig(...first, "training.epochs=1"));
    for (const config of [run.config, tinyConfig(...second, "training.epochs=2")]) {
      run = run.withConfig(config);
      const learner = new Learner(await openTestGpu(), config, data);
      await train({ learner, data, run, observer: silent() });
      learner.dispose();
    }
    const { weights } = run.checkpoints.loadLast()!;
    Deno.removeSync(folder, { recursive: true });
    return weights;
  };
  const quirk = ["semantics.dropout_until_validation=true"];
  const published = await weights(quirk, quirk);
  assert.equal(largestDifference(published, await weights([], noDropout)), 0);
  assert.ok(largestDifference(published, await weights([], [])) > 0);
  assert.ok(largestDifference(published, await weights(noDropout, noDropout)) > 0);
});
