import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { basename, dirname, join } from "node:path";
import type { Dataset } from "../../src/data/dataset.ts";
import { answersByHead, predictionsCsv } from "../../src/runs/predictions.ts";
import { Interrupted } from "../../src/base/interrupt.ts";
import { fitTemperatures } from "../../src/metrics/calibration.ts";
import { Learner } from "../../src/train/learner.ts";
import type { EpochRecord } from "../../src/runs/records.ts";
import { exists } from "../../src/io/files.ts";
import { temporaryOf } from "../../src/io/new_file.ts";
import { RunFiles, SUMS } from "../../src/runs/run_files.ts";
import { RunFolder } from "../../src/runs/run_folder.ts";
import { evaluateBest } from "../../src/train/evaluate_best.ts";
import { train } from "../../src/train/trainer.ts";
import { openTestGpu } from "../open_gpu.ts";
import { silent, tinyConfig, tinyData, watched } from "./tiny.ts";

// 42 samples in micro-batches of 8: five whole ones and one of two; batches of 16, 16 and 10. With the validation of
// 20 in batches of 16, an epoch makes 6 + 2 batches.
const data = tinyData({ train: 42, validation: 20, test: 9 });
const settings = [
  "training.epochs=4",
  "training.early_stopping=4",
  "plateau.patience=0",
  "optimizer.encoder_learning_rate=0.03",
  "optimizer.head_learning_rate=0.03",
  "data.mixup=0.4",
  "data.cutmix=1",
];
const config = tinyConfig(...settings);
const BATCHES_PER_EPOCH = 8;

/**
 * Trains what is left of a run, and tests; `interruptAt` is the number of the batch that is made when Ctrl-C comes, `first`
 * the configuration of a new run, and batch number `missing` cannot be had, which ends it without a save.
 */
async function work(folder: string, interruptAt?: number, first = config, missing?: number): Promise<void> {
  const controller = new AbortController();
  const seen: Dataset = watched(data, (made) => {
    if (made === interruptAt) controller.abort();
    if (made === missing) throw new Error("missing");
  });
  const isNew = !Array.from(Deno.readDirSync(folder)).some(({ name }) => name === "config.json");
  using _ = new RunFiles(folder).hold();
  const run = isNew ? RunFolder.create(folder, first) : RunFolder.open(folder);
  const learner = new Learner(await openTestGpu(), run.config, seen);
  const { signal } = controller;
  try {
    await train({ learner, data: seen, run, observer: silent(), signal });
    const { evaluation, predictions } = await evaluateBest(
      { model: learner, data: seen, run, signal },
      "test",
    );
    run.writeResults(evaluation, predictionsCsv(predictions, seen));
  } finally {
    learner.dispose();
  }
}

const FILES = ["best.safetensors", "last.safetensors", "last.optimizer.safetensors"];

/** Everything a run leaves behind but for times. */
function contents(folder: string): Record<string, unknown> {
  // With the times goes the checksum, which is one of them too.
  const { seconds: _, epoch_seconds: __, epoch_input_wait: ___, sha256: ____, ...state } = JSON.parse(
    Deno.readTextFileSync(join(folder, "checkpoints", "last.json")),
  );
  const records = RunFolder.open(folder).records()
    .map(({ seconds: _, input_wait_seconds: __, ...record }) => record);
  // As digests: a comparison of long arrays that fails takes all memory to show how.
  const digest = (name: string) =>
    createHash("sha256").update(Deno.readFileSync(join(folder, "checkpoints", name))).digest("hex");
  const files = Object.fromEntries(FILES.map((name) => [name, digest(name)]));
  const results = ["test.json", "predictions.csv"].map((name) => Deno.readTextFileSync(join(folder, name)));
  return { state, records, files, results };
}

/** A run that nothing interrupts. */
const reference = Deno.makeTempDirSync();
Deno.test.beforeAll(() => work(reference));
Deno.test.afterAll(() => Deno.removeSync(reference, { recursive: true }));

Deno.test("a run that was interrupted anywhere ends as one that was not, bit for bit", async () => {
  const expected = contents(reference);
  assert.equal((expected.records as unknown[]).length, 4);
  // In the first step and within epochs 1 and 2; in a validation; in the last; several times.
  const interruptions = [[0, 4, 13], [7], [31], [2, 3, 9, 5]];
  for (const places of interruptions) {
    const folder = Deno.makeTempDirSync();
    for (const place of places) {
      await assert.rejects(work(folder, place), Interrupted, `at ${place} of ${places}`);
    }
    await work(folder);
    assert.deepEqual(contents(folder), expected, `interrupted at ${places}`);
    Deno.removeSync(folder, { recursive: true });
  }
});

Deno.test("a run validated by steps that was interrupted anywhere ends as one that was not, bit for bit", async () => {
  // Steps end at 2, 4 and 6 of an epoch's 6 batches; validation takes 2: within epochs 2 to 4 after steps 4, 6, 8, 10.
  const bySteps = tinyConfig(
    ...settings,
    "training.validation_every=2",
    "training.validation_after=1",
    "training.early_stopping=3",
    "plateau.patience=1",
    "semantics.dropout_until_validation=true",
    "optimizer.name=rmsprop",
    "optimizer.momentum=0.5",
    "model.encoders.image.frozen_epochs=2",
  );
  const reference = Deno.makeTempDirSync();
  await work(reference, undefined, bySteps);
  const expected = contents(reference);
  const epochs = (expected.records as EpochRecord[]).map((
    { epoch, validation_accuracy: found },
  ) => [epoch, !!found]);
  // Steps 1 to 3 are of epoch 1, 4 to 6 of epoch 2: 4 is within it, 6 its end; 8 is within epoch 3, 10 within epoch 4.
  assert.deepEqual(epochs.slice(0, 4), [[1, false], [1.3333, true], [2, true], [2.6667, true]]);
  for (const places of [[8, 18], [9], [10, 11, 3]]) {
    const folder = Deno.makeTempDirSync();
    for (const place of places) {
      await assert.rejects(work(folder, place, bySteps), Interrupted, `at ${place} of ${places}`);
    }
    await work(folder, undefined, bySteps);
    assert.deepEqual(contents(folder), expected, `interrupted at ${places}`);
    Deno.removeSync(folder, { recursive: true });
  }
  Deno.removeSync(reference, { recursive: true });
});

Deno.test("a run whose steps go on from epoch to epoch ends the same, interrupted or not, gradients included", async () => {
  // Six micro-batches an epoch, four a step: epochs 1 and 3 end within a step.
  const across = tinyConfig(
    ...settings,
    "training.epochs=3",
    "training.batch=32",
    "semantics.steps_across_epochs=true",
    "model.encoders.text.frozen_epochs=1",
    "training.gradient_noise=1",
  );
  const [reference, plain] = [Deno.makeTempDirSync(), Deno.makeTempDirSync()];
  await work(reference, undefined, across);
  const expected = contents(reference);
  assert.deepEqual((expected.records as EpochRecord[]).map(({ step }) => step), [1, 3, 4]);
  await work(plain, undefined, { ...across, semantics: { ...across.semantics, steps_across_epochs: false } });
  assert.notDeepEqual(contents(plain).files, expected.files);
  // In the validation after an unfinished step; in the step that goes on; and twice.
  for (const places of [[7], [7, 3]]) {
    const folder = Deno.makeTempDirSync();
    for (const place of places) {
      await assert.rejects(work(folder, place, across), Interrupted, `${place} of ${places}`);
    }
    await work(folder, undefined, across);
    assert.deepEqual(contents(folder), expected, `interrupted at ${places}`);
    Deno.removeSync(folder, { recursive: true });
  }
  for (const folder of [reference, plain]) Deno.removeSync(folder, { recursive: true });
});

Deno.test("a run in f16 that was interrupted ends as one that was not, bit for bit, its loss scale included", async () => {
  if (!(await openTestGpu()).features.has("shader-f16")) return;
  const inHalves = tinyConfig(...settings, "training.epochs=2", "training.precision=f16");
  const [reference, interrupted] = [Deno.makeTempDirSync(), Deno.makeTempDirSync()];
  await work(reference, undefined, inHalves);
  const expected = contents(reference);
  for (const { loss_scale, skipped_steps } of expected.records as EpochRecord[]) {
    assert.ok(loss_scale! > 0 && skipped_steps! >= 0);
  }
  for (const place of [4, 7]) await assert.rejects(work(interrupted, place, inHalves), Interrupted);
  await work(interrupted);
  assert.deepEqual(contents(interrupted), expected);
  for (const folder of [reference, interrupted]) Deno.removeSync(folder, { recursive: true });
});

Deno.test("a run of averaged weights, adapters and weighed losses that was interrupted ends as one that was not, bit for bit", async () => {
  const weighed = tinyConfig(
    ...settings,
    "optimizer.ema_decay=0.7",
    "training.gradient_noise=2",
    "training.class_weights=balanced",
    "training.metric=loss",
    "model.encoders.image.frozen_epochs=1",
    'model.lora.targets=["text.*.query"]',
  );
  const [folder, expected] = [Deno.makeTempDirSync(), Deno.makeTempDirSync()];
  await work(expected, undefined, weighed);
  // Before the first step, within the first epoch, and in the third.
  for (const at of [1, 4, 2 * BATCHES_PER_EPOCH]) {
    await assert.rejects(work(folder, at, weighed), Interrupted);
  }
  await work(folder);
  assert.deepEqual(contents(folder), contents(expected));
  const run = RunFolder.open(expected);
  const { weights } = run.checkpoints.loadBest();
  const last = run.checkpoints.loadLast()!;
  assert.notDeepEqual(weights, last.weights);
  // What is kept of the last epoch is the average, which the optimizer's file has beside the moments.
  if (last.state.best!.epoch === last.state.epoch) {
    const name = "heads.fusion.layers.0.weight";
    assert.deepEqual(weights.get(name)?.data, last.optimizer.get(`ema.${name}`)?.data);
  }
  for (const path of [folder, expected]) Deno.removeSync(path, { recursive: true });
});

Deno.test("a run that was killed between its last checkpoint and now ends the same", async () => {
  const killed = Deno.makeTempDirSync();
  const { epoch } = RunFolder.open(reference).checkpoints.loadBest();
  assert.ok(epoch > 1, "the best epoch is the first");
  await assert.rejects(work(killed, (epoch - 1) * BATCHES_PER_EPOCH + 2), Interrupted);
  // What the best epoch writes before it counts, some of it cut short.
  const best = join("checkpoints", FILES[0]!);
  Deno.copyFileSync(join(reference, best), temporaryOf(join(killed, best)));
  Deno.writeTextFileSync(temporaryOf(join(killed, "metrics.jsonl")), `{"epoch": ${epoch}, "st`);
  Deno.writeTextFileSync(temporaryOf(join(killed, "checkpoints", FILES[1]!)), "half");
  await work(killed);
  assert.deepEqual(contents(killed), contents(reference));
  Deno.removeSync(killed, { recursive: true });
});

Deno.test("a run that is saved within epochs goes on from there after a crash, and ends as one that was not, bit for bit", async () => {
  const cases = [
    ["training.checkpoint_every=1"],
    ["training.checkpoint_every=2", "training.validation_every=3", "training.keep=last"],
    // Four micro-batches a step: the second ends after two of the second epoch.
    ["training.checkpoint_every=1", "training.batch=32", "semantics.steps_across_epochs=true"],
  ];
  for (const more of cases) {
    const [reference, crashed] = [Deno.makeTempDirSync(), Deno.makeTempDirSync()];
    const often = tinyConfig(...settings, "training.epochs=3", ...more);
    await work(reference, undefined, { ...often, training: { ...often.training, checkpoint_every: null } });
    // The sixth micro-batch of the second epoch; and the third after that from which the run goes on.
    for (const [missing, epoch] of [[BATCHES_PER_EPOCH + 5, 1], [3, 1]] as const) {
      await assert.rejects(work(crashed, undefined, often, missing), /missing/);
      const state = RunFolder.open(crashed).checkpoints.lastState()!;
      assert.equal(state.epoch, epoch);
      assert.ok(state.batch > 0 && state.step > state.recorded_step, `${more}: ${JSON.stringify(state)}`);
    }
    await work(crashed);
    assert.deepEqual(contents(crashed), contents(reference), `${more}`);
    for (const folder of [reference, crashed]) Deno.removeSync(folder, { recursive: true });
  }
});

Deno.test("evaluateBest() of a fresh learner reproduces test.json exactly, and every split can be had", async () => {
  const run = RunFolder.open(reference);
  const learner = new Learner(await openTestGpu(), run.config, data);
  const { evaluation, predictions } = await evaluateBest({ model: learner, data, run }, "test");
  assert.deepEqual(evaluation, JSON.parse(Deno.readTextFileSync(join(reference, "test.json"))));
  assert.equal(predictionsCsv(predictions, data), Deno.readTextFileSync(join(reference, "predictions.csv")));

  const best = run.records()[evaluation.epoch - 1]!;
  const { evaluation: validation, predictions: validated } = await evaluateBest(
    { model: learner, data, run },
    "validation",
  );
  const { temperatures } = run.checkpoints.loadBest();
  assert.deepEqual(
    temperatures,
    fitTemperatures(answersByHead(validated)),
    "they are of other weights",
  );
  for (const [head, { raw, temperature, calibrated }] of Object.entries(validation.calibration!)) {
    assert.equal(raw.loss, validation.loss[head]);
    assert.equal(temperature, temperatures[head]);
    assert.ok(calibrated === undefined || calibrated.loss < raw.loss, head);
  }
  assert.ok("fusion" in temperatures);
  assert.deepEqual(validation.accuracy, best.validation_accuracy);
  assert.deepEqual(validation.loss, best.validation_loss);
  assert.equal(validation.samples, 20);
  assert.equal((await evaluateBest({ model: learner, data, run }, "train")).evaluation.samples, 42);
  learner.dispose();
});

Deno.test("a checkpoint of another model is refused by the name of what differs", async () => {
  const folder = Deno.makeTempDirSync();
  await assert.rejects(work(folder, 4), Interrupted);
  const run = RunFolder.open(folder);
  const snapshot = run.checkpoints.loadLast()!;
  const wider = new Learner(await openTestGpu(), tinyConfig("model.head.hidden_size=24"), data);
  assert.throws(
    () => wider.writeWeights(snapshot.weights, "last.safetensors"),
    /UserError.*last\.safetensors holds "heads\.image\.0\.weight" as \[16, 8\], the model takes \[24, 8\]/,
  );
  assert.throws(() => wider.writeWeights(new Map(), "x"), /UserError.*x holds no "image\./);
  assert.throws(
    () => wider.writeOptimizer(snapshot.optimizer, snapshot.state, "last.optimizer.safetensors"),
    /UserError.*last\.optimizer\.safetensors/,
  );
  wider.dispose();
  Deno.removeSync(folder, { recursive: true });
});

Deno.test("before files of a run count, its event files are on the disk and tell the same", async () => {
  const folder = Deno.makeTempDirSync();
  const { openSync, renameSync } = Deno, { writeSync, syncSync } = Deno.FsFile.prototype;
  const paths = new WeakMap<Deno.FsFile, string>();
  /** Event files that were written to since they were flushed, and folders in which they are new. */
  const unsynced = new Set<string>();
  const events = (part: string) => {
    const inner = join(folder, "tensorboard", part);
    const files = Array.from(Deno.readDirSync(inner)).filter(({ isFile }) => isFile);
    return Deno.readFileSync(join(inner, files[0]!.name));
  };
  const counted: { records: number; training: number; hasTest: boolean }[] = [];
  Deno.openSync = (path, options) => {
    const isEvent = String(path).includes("tfevents");
    if (isEvent && !exists(String(path))) {
      for (const one of [dirname(String(path)), dirname(dirname(String(path)))]) unsynced.add(one);
    }
    const file = openSync(path, options);
    paths.set(file, String(path));
    return file;
  };
  Deno.FsFile.prototype.writeSync = function (bytes) {
    const path = paths.get(this) ?? "";
    if (path.includes("tfevents")) unsynced.add(path);
    return writeSync.call(this, bytes);
  };
  Deno.FsFile.prototype.syncSync = function () {
    syncSync.call(this);
    unsynced.delete(paths.get(this) ?? "");
  };
  Deno.renameSync = (from, to) => {
    const records = temporaryOf(join(folder, "metrics.jsonl"));
    const hasTest = exists(temporaryOf(join(folder, "test.json")));
    if (basename(String(to)) === SUMS && (exists(records) || hasTest)) {
      assert.deepEqual([...unsynced], []);
      const lines = hasTest ? 0 : Deno.readTextFileSync(records).trim().split("\n").length;
      counted.push({ records: lines, training: events("training").length, hasTest });
      if (hasTest) assert.ok(events("test").length > 100);
    }
    renameSync(from, to);
  };
  try {
    await work(folder, undefined, tinyConfig(...settings, "training.epochs=2"));
    const training = events("training").length;
    assert.deepEqual(counted.map(({ records, hasTest }) => [records, hasTest]), [[1, false], [2, false], [
      0,
      true,
    ]]);
    assert.deepEqual(counted.slice(1).map((at) => at.training), [training, training]);
  } finally {
    Object.assign(Deno, { openSync, renameSync });
    Object.assign(Deno.FsFile.prototype, { writeSync, syncSync });
    Deno.removeSync(folder, { recursive: true });
  }
});
