import assert from "node:assert/strict";
import { UserError } from "../../src/base/user_error.ts";
import type { EpochRecord, Progress } from "../../src/runs/records.ts";
import { openTestGpu } from "../open_gpu.ts";
import { silent, tinyConfig, tinyData, watched } from "./tiny.ts";
import { largestDifference, trained } from "./trained.ts";

/** Nothing random, and an epsilon so large that a step grows with the gradient: Adam itself ignores its size. */
const PLAIN = [
  "method=agg-mm",
  "model.head.dropout=0",
  "model.encoders.text.hidden_dropout_prob=0",
  "model.encoders.text.attention_probs_dropout_prob=0",
  "optimizer.epsilon=1",
  "optimizer.encoder_learning_rate=1",
  "optimizer.head_learning_rate=1",
  "optimizer.warmup_steps=0",
  "training.epochs=1",
];

const WEIGHED = [
  'training.class_weights={"warm": 3, "fresh, green": 0.2, "cold": 1}',
  "training.label_smoothing=0.1",
  "training.focal_gamma=1",
];
for (const [what, settings] of [["", []], [", of weighed samples as well", WEIGHED]] as const) {
  Deno.test(`micro-batches make the step of the whole batch, the incomplete ones included${what}`, async () => {
    // 27 samples: a batch of 16, then one of 11, in micro-batches of 4 with a last one of 3.
    const tiny = tinyData({ train: 27, validation: 3, test: 3 });
    const data = settings === WEIGHED
      ? { ...watched(tiny, () => {}), weight: (row: number) => 1 + row % 4 }
      : tiny;
    const sized = (size: number) =>
      trained(tinyConfig(...PLAIN, ...settings, "training.batch=16", `training.micro_batch=${size}`), data);
    const [whole, parts, unequal] = [await sized(16), await sized(4), await sized(8)];
    const start = await trained(
      tinyConfig(...PLAIN, "optimizer.encoder_learning_rate=1e-9", "optimizer.head_learning_rate=1e-9"),
      data,
    );
    const moved = largestDifference(start.weights, whole.weights);
    assert.ok(moved > 1e-2, `the steps moved nothing: ${moved}`);
    for (const other of [parts, unequal]) {
      const difference = largestDifference(whole.weights, other.weights);
      assert.ok(difference < 1e-4 * moved, `${difference} apart after moving ${moved}`);
      assert.equal(other.state.step, 2);
      const [a, b] = [whole, other].map(({ records }) => records[0]!.training_loss.total!);
      // The second step starts from weights that are equal only up to rounding.
      assert.ok(Math.abs(a! - b!) < 1e-5 * a!, `losses ${a} and ${b}`);
    }
  });
}

Deno.test("training that diverges ends within the epoch, with what to do", async () => {
  // After the first step weights are no numbers, or beyond f16, where all further steps are skipped; sixty steps are so
  // many that the progress is read once more before the last.
  const rates = ["optimizer.encoder_learning_rate=1e30", "optimizer.head_learning_rate=1e30"];
  const sizes = ["training.batch=4", "training.micro_batch=4", "optimizer.warmup_steps=0"];
  const hasHalves = (await openTestGpu()).features.has("shader-f16");
  for (const precision of hasHalves ? ["f32", "f16"] : ["f32"]) {
    let validated = false;
    const data = watched(tinyData({ train: 240, validation: 6, test: 3 }), (_, split) => {
      validated ||= split === "validation";
    });
    await assert.rejects(
      trained(tinyConfig(...rates, ...sizes, `training.precision=${precision}`), data),
      (error) =>
        error instanceof UserError &&
        /^Training diverged in epoch 1, by step \d+: .*(NaN or infinite, in .*|steps were skipped)\. Train anew/
          .test(error.message),
    );
    assert.equal(validated, false);
  }
});

Deno.test("a seed decides all weights, bit for bit", async () => {
  const data = tinyData({ train: 20, validation: 6, test: 3 });
  const config = (seed: number) => tinyConfig("training.epochs=2", `seed=${seed}`);
  const [first, again, other] = [
    await trained(config(1), data),
    await trained(config(1), data),
    await trained(config(2), data),
  ];
  assert.equal(largestDifference(first.weights, again.weights), 0);
  assert.ok(largestDifference(first.weights, other.weights) > 0.01);
});

Deno.test("training learns, records every epoch and leaves no memory behind", async () => {
  const data = tinyData({ train: 45, validation: 15, test: 3 });
  const gpu = await openTestGpu();
  const live: number[] = [];
  const heard: EpochRecord[] = [];
  const config = tinyConfig("training.epochs=12");
  const { records, state } = await trained(
    config,
    data,
    silent((record) => {
      live.push(gpu.memory.live);
      heard.push(record);
    }),
  );
  assert.deepEqual(records, heard);
  assert.deepEqual(
    records.map(({ epoch, step }) => [epoch, step]),
    records.map((_, i) => [i + 1, 3 * (i + 1)]),
  );
  assert.equal(new Set(live).size, 1, `live bytes after each epoch: ${live}`);
  assert.equal(state.ended, "all epochs");

  const [first, last] = [records[0]!, records.at(-1)!];
  const heads = ["image", "text", "fusion"];
  assert.deepEqual(Object.keys(first.training_loss), ["total", ...heads, "contrast"]);
  assert.deepEqual(Object.keys(first.validation_accuracy!), heads);
  for (const { training_loss: loss, training_loss_within_epoch: within, pairs } of records) {
    const terms = loss.image! + loss.text! + loss.fusion! + 0.1 * loss.contrast!;
    assert.ok(Math.abs(loss.total! - terms) < 1e-4 * terms, `${loss.total} is not the sum ${terms}`);
    const sizes = [8, 8, 8, 8, 8, 5]; // of the micro-batches, each of which is a stretch of its own here
    assert.equal(within!.length, sizes.length);
    const mean = within!.reduce((sum, one, i) => sum + one * sizes[i]!, 0) / 45;
    assert.ok(Math.abs(loss.total! - mean) < 1e-6 * mean, `${within} have not the mean ${loss.total}`);
    const { positive, semi_positive, negative } = pairs["image-text"]!;
    assert.ok(Math.abs(positive + semi_positive + negative - 1) < 1e-6);
  }
  for (const record of records) {
    const { positive, semi_positive } = record.pairs["image-text"]!;
    const { image, text } = record.training_accuracy;
    // Both right counts for two, one right for one.
    assert.ok(Math.abs(2 * positive + semi_positive - image! - text!) < 1e-6);
  }
  assert.ok(last.training_loss.total! < 0.7 * first.training_loss.total!, `${last.training_loss.total}`);
  assert.ok(last.validation_accuracy!.fusion! > 0.8, `${last.validation_accuracy!.fusion}`);
  // Warm-up over 3 steps: 1/3, 2/3, then all of it.
  assert.equal(first.learning_rates.heads, 0.01);
});

Deno.test("training overfits eight samples", async () => {
  const data = tinyData({ train: 8, validation: 8, test: 3 });
  const { records } = await trained(
    tinyConfig("training.epochs=40", "training.batch=8", "training.early_stopping=40", "plateau.patience=40"),
    data,
  );
  const best = (head: string) =>
    Math.max(...records.map(({ training_accuracy }) => training_accuracy[head]!));
  assert.equal(best("fusion"), 1);
});

Deno.test("agg-mm learns without contrast, and its total is the fused loss", async () => {
  const data = tinyData({ train: 20, validation: 6, test: 3 });
  const { records } = await trained(tinyConfig("training.epochs=1", "method=agg-mm"), data);
  const { training_loss: loss } = records[0]!;
  assert.deepEqual(Object.keys(loss), ["total", "image", "text", "fusion"]);
  assert.equal(loss.total, loss.fusion);
});

Deno.test("without progress the rates fall and training stops early", async () => {
  const data = tinyData({ train: 16, validation: 6, test: 3 });
  const { records, state } = await trained(
    tinyConfig(
      "training.epochs=20",
      "training.early_stopping=4",
      "plateau.patience=1",
      "plateau.minimum_learning_rate=0",
      "optimizer.encoder_learning_rate=1e-7",
      "optimizer.head_learning_rate=1e-6",
      "optimizer.warmup_steps=0",
    ),
    data,
  );
  assert.equal(state.ended, "early stopping");
  assert.deepEqual(state.best, {
    epoch: 1,
    validation: 1,
    score: records[0]!.validation_accuracy!.fusion,
  });
  assert.equal(records.length, 5);
  // After epochs 2 and 3 without an improvement the rates fall by half, which shows in epochs 4 and 5.
  assert.deepEqual(records.map(({ learning_rates }) => learning_rates.heads), [1e-6, 1e-6, 1e-6, 5e-7, 5e-7]);
  assert.equal(records[4]!.learning_rates.image, 5e-8);
});

Deno.test('training.keep says whether the best weights are kept or the last, which "early_stopping" then spares', async () => {
  const data = tinyData({ train: 16, validation: 6, test: 3 });
  // Steps so small that no accuracy changes: the first epoch stays the best.
  const still = ["optimizer.encoder_learning_rate=1e-12", "optimizer.head_learning_rate=1e-12"];
  const kept = async (keep: string) => {
    const { state } = await trained(
      tinyConfig(...still, "training.epochs=4", "training.early_stopping=2", `training.keep=${keep}`),
      data,
    );
    return [state.best?.epoch, state.epoch, state.ended];
  };
  assert.deepEqual(await kept("best"), [1, 3, "early stopping"]);
  assert.deepEqual(await kept("last"), [4, 4, "all epochs"]);
});

/** A run of two epochs of 60 samples by a clock that goes on by `tick` milliseconds with every batch, and else stands. */
async function timed(tick: number) {
  const { now } = performance;
  const start = 5e6;
  let clock = start;
  const told: (Progress & { at: number })[] = [];
  performance.now = () => clock;
  try {
    const data = watched(tinyData({ train: 60, validation: 6, test: 3 }), () => clock += tick);
    const progressed = (progress: Progress) => void told.push({ ...progress, at: clock });
    const config = tinyConfig("training.epochs=2", "training.batch=8", "training.micro_batch=4");
    const { records } = await trained(config, data, { ...silent(), progressed });
    return { start, told, records };
  } finally {
    performance.now = now;
  }
}

function near(actual: number, expected: number, what: string): void {
  assert.ok(
    Math.abs(actual - expected) < 1e-9 * (1 + expected),
    `${what}: ${actual} in place of ${expected}`,
  );
}

Deno.test("progress tells what is done, how fast, and how long it will take", async () => {
  const { start, told, records } = await timed(1234.5);
  for (const [i, { epoch, epochs, done, total, samplesPerSecond, remaining, at }] of told.entries()) {
    assert.deepEqual([epochs, total], [2, 60]);
    const before = told[i - 1] ?? { epoch: 1, done: 0, at: start };
    if (before.epoch === epoch) {
      near(samplesPerSecond, 1000 * (done - before.done) / (at - before.at), `${i}: samples a second`);
    }
    const fraction = (epoch - 1 + done / total) / 2;
    near(remaining, (at - start) / 1000 * (1 - fraction) / fraction, `${i}: seconds that remain`);
  }
  // A step takes longer than is left between two reports: each is reported, but for the last, whose batches are made ahead
  // of it, so that it takes no time by this clock. Fifteen batches an epoch, and one for validation.
  const reported = [8, 16, 24, 32, 40, 48, 56];
  assert.deepEqual(told.map(({ done }) => done), [...reported, ...reported]);
  assert.deepEqual(records.map(({ seconds }) => seconds), [19.75, 19.75]);
  assert.deepEqual(records.map(({ input_wait_seconds }) => input_wait_seconds), [18.52, 18.52]);
});

Deno.test("progress is read every two seconds or so, and not after every step", async () => {
  const { told } = await timed(200);
  // The first step takes 0.8 s, since batches are made ahead: three more make two seconds. They take 0.4 s each, so that
  // five more would, and after four the epoch is over.
  assert.deepEqual(told.map(({ done }) => done), [8, 32, 8, 32]);
});

Deno.test("a run says once that it has started: after its first step, before any progress", async () => {
  const heard: string[] = [];
  const observer = {
    ...silent(),
    measured: (activations: number) => void heard.push(activations > 0 ? "measured" : "nothing"),
    progressed: ({ done }: Progress) => void heard.push(`${done} done`),
  };
  const config = tinyConfig("training.epochs=2", "training.batch=8", "training.micro_batch=8");
  const data = tinyData({ train: 8, validation: 3, test: 3 });
  await trained(config, data, observer, () => heard.push("started"));
  assert.deepEqual(heard, ["started", "measured", "8 done", "8 done"]);
});

Deno.test("no step reads from the device: reads are few, however many steps there are", async () => {
  const gpu = await openTestGpu();
  const { read } = gpu;
  let reads = 0;
  gpu.read = (ranges) => {
    reads++;
    return read.call(gpu, ranges);
  };
  try {
    const start = performance.now();
    const data = tinyData({ train: 64, validation: 4, test: 3 });
    const { state, records } = await trained(
      tinyConfig("training.epochs=1", "training.batch=1", "training.micro_batch=1"),
      data,
    );
    assert.equal(state.step, 64);
    // Two of progress in the first steps, then one in two seconds; validation, means, and four for what is saved.
    const most = 12 + (performance.now() - start) / 1000;
    assert.ok(reads > 0 && reads <= most, `${reads} reads in 64 steps`);
    const { input_wait_seconds: waited, seconds } = records[0]!;
    assert.ok(waited! >= 0 && waited! <= seconds, `waited ${waited} of ${seconds} s`);
  } finally {
    gpu.read = read;
  }
});
