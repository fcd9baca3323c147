/** What counts as diverged and what does not, and what an interruption, a damaged best and an overflow leave behind. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { UserError } from "../../src/base/user_error.ts";
import type { Split } from "../../src/data/batch.ts";
import { RunFolder } from "../../src/runs/run_folder.ts";
import {
  type Moment,
  mustNotDiverge,
  mustNotDivergeInValidation,
  type Reading,
} from "../../src/train/divergence.ts";
import { Learner } from "../../src/train/learner.ts";
import { evaluateBest } from "../../src/train/evaluate_best.ts";
import { train } from "../../src/train/trainer.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { temporaryFolder } from "../io/crafted.ts";
import { openTestGpu } from "../open_gpu.ts";
import { silent, tinyConfig, tinyData, watched } from "./tiny.ts";

const gpu = await openTestGpu();
const data = tinyData({ train: 32, validation: 6, test: 3 });
const scale = { scale: 1, skipped: 70, skippedInRow: 0, isLeast: false };

function reading(loss: number, more: Partial<Reading> = {}): Reading {
  const means = { training_loss: { total: loss }, training_accuracy: {}, pairs: {} };
  return { wrong: undefined, means, notFinite: [], lossScale: undefined, gradientNoise: undefined, ...more };
}

const at = (precision: "f32" | "f16", stepsPerEpoch = 100): Moment => ({
  step: 7,
  epoch: 2,
  stepsPerEpoch,
  precision,
});
const skips = (skippedInRow: number, isLeast = true) => ({ lossScale: { ...scale, skippedInRow, isLeast } });

// What is read, where training is, and what it says; nothing where it goes on.
const readings: readonly [Reading, Moment, RegExp?][] = [
  [reading(3), at("f32")],
  [reading(1e30), at("f32")],
  [
    reading(NaN),
    at("f32"),
    /^Training diverged in epoch 3, by step 7: its loss is NaN\. .*; the run keeps what was best/,
  ],
  [
    reading(Infinity),
    { ...at("f32"), epoch: 0 },
    /in epoch 1, .* its loss is Infinity\. .*no epoch was finished$/,
  ],
  [reading(NaN, skips(0, false)), at("f16")],
  [reading(NaN, skips(49)), at("f16")],
  [reading(NaN, skips(400, false)), at("f16")],
  [
    reading(NaN, skips(50)),
    at("f16"),
    /overflow though the loss scale .* minimum, 1, .*last 50 steps.* or in f32;/,
  ],
  [reading(3, skips(2)), at("f16", 3)],
  [reading(3, skips(3)), at("f16", 3), /last 3 steps were skipped/],
  [
    reading(3, { notFinite: [{ name: "text.a.b", what: ["moments"] }], ...skips(0, false) }),
    at("f16"),
    /: moments of the optimizer of the text encoder are NaN or infinite, in "text\.a\.b"\. Train/,
  ],
  [
    reading(3, {
      notFinite: [
        { name: "image.x", what: ["gradients"] },
        { name: "text.a", what: ["weights"] },
        { name: "heads.fusion.0.bias", what: ["weights", "gradients", "moments"] },
      ],
    }),
    at("f32"),
    /: weights, gradients and moments of the optimizer of the image encoder, the text encoder and the fusion head are NaN or infinite, in "image\.x" and 2 more parameters\./,
  ],
];

Deno.test("mustNotDiverge() goes by the model first, then the loss or its scale, and says where and in what", () => {
  for (const [read, moment, message] of readings) {
    if (message === undefined) mustNotDiverge(read, moment);
    else {
      assert.throws(
        () => mustNotDiverge(read, moment),
        (e) => e instanceof UserError && message.test(e.message),
        `${message}`,
      );
    }
  }
});

Deno.test("one sample in validation that is not finite is too much in f32; in f16 it takes all of them", () => {
  const found = (image: number, fusion: number) => new Map([["image", image], ["fusion", fusion]]);
  assert.equal(mustNotDivergeInValidation(found(0, 0), 6, at("f32")), undefined);
  assert.equal(mustNotDivergeInValidation(found(0, 0), 6, at("f16")), undefined);
  assert.throws(
    () => mustNotDivergeInValidation(found(1, 0), 6, at("f32")),
    /UserError: Training diverged in epoch 3, .*logits of validation samples are NaN or infinite: 1 of 6 by the image head\./,
  );
  assert.match(
    mustNotDivergeInValidation(found(5, 1), 6, at("f16"))!,
    /overflow in f16, 5 of 6 by the image head, 1 of 6 by the fusion head: epoch 3 is not kept as the best/,
  );
  assert.throws(() => mustNotDivergeInValidation(found(6, 1), 6, at("f16")), /UserError: Training diverged/);
});

/** Trains in a folder; `beforeBatch` is told of every batch before it is made, `prepare` of the learner before all. */
async function work(
  folder: string,
  settings: readonly string[],
  beforeBatch: (made: number, split: Split, learner: Learner) => void = () => {},
  signal?: AbortSignal,
  prepare: (learner: Learner) => void = () => {},
): Promise<{ run: RunFolder; notes: string[] }> {
  const config = tinyConfig("training.batch=8", ...settings);
  const seen = watched(data, (made, split) => beforeBatch(made, split, learner));
  const learner = new Learner(gpu, config, seen);
  prepare(learner);
  const notes: string[] = [];
  const observer = { ...silent(), note: (message: string) => void notes.push(message) };
  try {
    const isNew = !Array.from(Deno.readDirSync(folder)).some(({ name }) => name === "config.json");
    const run = isNew ? RunFolder.create(folder, config) : RunFolder.open(folder).withConfig(config);
    await train({ learner, data: seen, run, observer, ...(signal && { signal }) });
    return { run, notes };
  } finally {
    learner.dispose();
  }
}

const filesOf = (folder: string) =>
  Array.from(Deno.readDirSync(join(folder, "checkpoints")), ({ name }) => name).sort();

Deno.test("an interruption saves nothing of a model that is not finite: it has diverged", async () => {
  using folder = temporaryFolder();
  const controller = new AbortController();
  const weights = new Map([["heads.fusion.2.bias", Float32Array.of(1, NaN, 2)]]);
  const interrupt = work(
    folder.path,
    ["training.epochs=2"],
    (made, _, learner) => {
      if (made !== 5) return; // the second of epoch 2
      const shape = [3];
      void learner.readWeights().then((own) => {
        for (const [name, data] of weights) own = new Map([...own, [name, { shape, data }]]);
        learner.writeWeights(own, "here");
        controller.abort();
      });
    },
    controller.signal,
  );
  await assert.rejects(
    interrupt,
    /UserError: Training diverged in epoch 2, by step \d: .*fusion head are NaN/,
  );
  const { checkpoints } = RunFolder.open(folder.path);
  assert.equal(checkpoints.loadLast()!.state.step, 4);
  assert.equal(checkpoints.loadBest().epoch, 1);
  assert.deepEqual(filesOf(folder.path).filter((name) => name.endsWith(".tmp")), []);
});

Deno.test("a run whose best weights are damaged is refused; once they are removed it goes on, says so, and keeps a new best", async () => {
  using folder = temporaryFolder();
  const { run } = await work(folder.path, ["training.epochs=2"]);
  const bytes = Deno.readFileSync(run.checkpoints.best);
  bytes[bytes.length - 1]! ^= 1;
  Deno.writeFileSync(run.checkpoints.best, bytes);
  const { run: ended, notes: silence } = await work(folder.path, ["training.epochs=2"]);
  assert.deepEqual(silence, []);
  const learner = new Learner(gpu, ended.config, data);
  await assert.rejects(
    evaluateBest({ model: learner, data, run: ended }, "test"),
    /UserError.*best\.safetensors is damaged: .*or remove it, .*whole.*--resume, with more --epochs/,
  );
  await assert.rejects(work(folder.path, ["training.epochs=3"]), /UserError.*best\.safetensors is damaged/);
  Deno.removeSync(run.checkpoints.best);
  assert.throws(
    () => run.checkpoints.loadBest(),
    /UserError.*best\.safetensors is gone, .*or do without it, /,
  );
  const { run: longer, notes } = await work(folder.path, ["training.epochs=3"]);
  assert.match(notes.join(), /best\.safetensors is gone: the best of the epochs to come/);
  assert.equal((await evaluateBest({ model: learner, data, run: longer }, "test")).evaluation.epoch, 3);
  learner.dispose();
});

Deno.test("an epoch in which one validation sample overflows in f16 is not the best, however right the others are", async () => {
  if (!gpu.features.has("shader-f16")) return;
  using folder = temporaryFolder();
  // In epoch 1 every sample is taken for the first class, in epoch 2 all are right but for one that overflows.
  let evaluations = 0;
  const { run, notes } = await work(
    folder.path,
    ["training.epochs=2", "training.precision=f16"],
    undefined,
    undefined,
    (learner) => {
      learner.logits = ({ size, labels }) => {
        const isLast = evaluations++ > 0;
        const values = new Float32Array(3 * size);
        labels.forEach((label, row) => values[3 * row + label] = isLast ? 1 : 0);
        const spoiled = values.with(0, isLast ? NaN : 0);
        const logits = { image: values, text: values, fusion: spoiled };
        return Object.fromEntries(
          Object.entries(logits).map(([head, values]) => [head, Tensor.from(gpu, values, [size, 3])]),
        );
      };
    },
  );
  const [first, second] = run.records();
  assert.ok(second!.validation_accuracy!.fusion! > first!.validation_accuracy!.fusion!);
  assert.equal(run.checkpoints.loadBest().epoch, 1);
  assert.match(notes.join(), /1 of 6 by the fusion head: epoch 2 is not kept as the best/);
});
