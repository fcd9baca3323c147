/** The memory plan against what training takes, and the micro-batch found from it. */
import assert from "node:assert/strict";
import { CLASSES } from "../backend.ts";
import type { Batch } from "../../src/data/batch.ts";
import type { Dataset, ModalitySpec } from "../../src/data/dataset.ts";
import { ALONE, type Collective } from "../../src/distributed/collective.ts";
import { Gpu } from "../../src/gpu/gpu.ts";
import { type RunConfig, withSettings } from "../../src/config/run_config.ts";
import { Learner } from "../../src/train/learner.ts";
import { planMemory, planMicroBatch, settleMicroBatch } from "../../src/train/memory_plan.ts";
import { PRESETS } from "../../src/config/presets.ts";
import { openTestGpu } from "../open_gpu.ts";
import { generator } from "../ops/table.ts";
import { TINY_MODEL } from "./tiny.ts";

/** Random samples of a configuration's sizes, texts of full length. */
function randomData({ data }: RunConfig): Dataset {
  assert.ok(data.name === "emoji");
  const side = data.image_size, tokens = data.max_tokens, words = 900;
  const half = [0.5, 0.5, 0.5] as const;
  const modalities: ModalitySpec[] = [
    { name: "image", kind: "image", height: side, width: side, mean: half, std: half },
    { name: "text", kind: "text", vocabularySize: words, maxTokens: tokens, padId: 0 },
  ];
  const random = generator(1);
  const whole = (below: number) => Math.floor(random() * below);
  const batch = (_: unknown, rows: Uint32Array): Promise<Batch> =>
    Promise.resolve({
      size: rows.length,
      rows,
      labels: rows.map((row) => row % 9),
      modalities: {
        image: {
          kind: "image",
          pixels: Uint8Array.from({ length: rows.length * side * side * 3 }, () => whole(256)),
          height: side,
          width: side,
        },
        text: {
          kind: "text",
          ids: Uint32Array.from({ length: rows.length * tokens }, () => 1 + whole(words - 1)),
          mask: new Uint32Array(rows.length * tokens).fill(1),
          tokens,
        },
      },
    });
  return {
    name: "random",
    classes: Array.from({ length: 9 }, (_, i) => `class ${i}`),
    modalities,
    count: () => 1000,
    id: (_, row) => String(row),
    label: (_, row) => row % 9,
    text: () => "",
    batch,
  };
}

const emoji = (...settings: string[]) => withSettings(PRESETS.emoji, settings);
const deeper = [
  "model.encoders.image.num_hidden_layers=4",
  "model.encoders.text.num_hidden_layers=4",
  "training.micro_batch=8",
];

const CASES: Record<string, RunConfig> = {
  "a tiny model": emoji(...TINY_MODEL, "training.micro_batch=8"),
  "a tiny model, sample by sample": emoji(...TINY_MODEL, "training.micro_batch=1"),
  "the emoji preset": emoji(),
  "the emoji preset in f16": emoji("training.precision=f16"),
  "deeper encoders with checkpointing": emoji(...deeper, "model.checkpointing=true"),
  "averaged weights": emoji(...TINY_MODEL, "training.micro_batch=8", "optimizer.ema_decay=0.9"),
  "frozen layers": emoji(...deeper, "model.encoders.image.frozen=2", "model.encoders.text.frozen=true"),
};

for (const [name, config] of Object.entries(CASES)) {
  Deno.test(`the plan of ${name} foretells the peak of its activations`, async () => {
    const gpu = await Gpu.open(); // peaks are of a device's whole life
    const data = randomData(config);
    const learner = new Learner(gpu, config, data);
    const plan = planMemory(gpu, learner.config, data);
    const { micro_batch } = learner.config.training;
    const batch = await data.batch("train", Uint32Array.from({ length: micro_batch }, (_, i) => i));
    for (const number of [0, 1]) learner.accumulate(batch, 0.5, number);
    const measured = learner.peakActivations;
    learner.step(0);
    await gpu.finish();
    const ratio = plan.activations / measured;
    assert.ok(Math.abs(ratio - 1) < 0.05, `${plan.activations} planned, ${measured} measured`);
    // What stands: weights, gradients, moments, and little beside.
    const { weights, gradients, moments, average = 0 } = plan;
    const standing = weights + gradients + moments + average;
    const { live, peakHeld } = gpu.memory;
    assert.ok(live >= standing && live < 1.1 * standing + 2 ** 14, `${live} for ${standing}`);
    assert.ok(Math.abs(plan.held / peakHeld - 1) < 0.1, `${plan.held} planned, ${peakHeld} held`);
    learner.dispose();
    assert.equal(gpu.memory.live, 0);
    gpu.destroy();
  });
}

const shared = await openTestGpu();

Deno.test("the plan of f16 has little more than half of the activations of f32, and a copy of the operands", () => {
  const [single, half] = ["f32", "f16"].map((precision) => {
    const config = emoji(`training.precision=${precision}`);
    const data = randomData(config);
    return planMemory(shared, settleMicroBatch(shared, config, data), data);
  });
  const share = half!.activations / single!.activations;
  assert.ok(share > 0.5 && share < 0.6, `${share} of the activations`);
  const more = half!.weights / single!.weights;
  assert.ok(more > 1.05 && more < 1.5, `${more} of the weights`);
});

Deno.test({
  name: "the work that is planned is the work that a micro-batch does",
  ignore: !shared.features.has("timestamp-query"),
  async fn() {
    const config = emoji(...deeper);
    const data = randomData(config);
    const learner = new Learner(shared, config, data);
    const { work } = planMicroBatch(shared, learner.config, data);
    const batch = await data.batch("train", Uint32Array.from({ length: 8 }, (_, i) => i));
    learner.accumulate(batch, 1, 0); // the kernels are compiled by it
    shared.startProfiling();
    learner.accumulate(batch, 1, 1);
    const dispatches = await shared.stopProfiling();
    learner.dispose();
    const done = { operations: 0, bytes: 0 };
    for (const { operations, bytes } of dispatches) {
      if (operations > 0) done.operations += operations;
      else done.bytes += bytes;
    }
    assert.equal(work.operations, done.operations);
    // Learning sums losses and measures besides.
    assert.ok(Math.abs(work.bytes / done.bytes - 1) < 0.05, `${work.bytes} planned, ${done.bytes} moved`);
  },
});

const auto = (...settings: string[]) =>
  emoji(...TINY_MODEL, "training.batch=48", "training.micro_batch=auto", ...settings);
const data = randomData(auto());

function settled(config: RunConfig, gpu: Gpu = shared): number {
  const { training } = settleMicroBatch(gpu, config, data);
  assert.equal(training.batch, config.training.batch);
  return training.micro_batch;
}

Deno.test("micro_batch auto is the largest part of the batch that the memory limit allows", () => {
  assert.equal(settled(auto()), 48);
  for (const size of [1, 3, 8, 24]) {
    const config = auto(`training.micro_batch=${size}`);
    const { held } = planMemory(shared, settleMicroBatch(shared, config, data), data);
    assert.equal(settled(auto(`training.memory_limit=${Math.ceil(held / 0.8)}`)), size);
    if (size > 1) assert.ok(settled(auto(`training.memory_limit=${Math.floor(held / 0.8) - 1}`)) < size);
  }
  assert.throws(
    () => settled(auto("training.memory_limit=100000")),
    /UserError: Not even one sample at a time fits.*"training.memory_limit", 100000.*checkpointing/,
  );
});

Deno.test("micro_batch auto takes more samples with checkpointing, and plans take no device memory", () => {
  const live = shared.memory.live;
  const settings = ["training.memory_limit=2500000", ...deeper, "training.micro_batch=auto"];
  const [plain, checkpointed] = [false, true].map((on) =>
    settled(auto(...settings, `model.checkpointing=${on}`))
  );
  assert.ok(checkpointed! > plain!, `${checkpointed} and ${plain}`);
  assert.equal(shared.memory.live, live);
});

Deno.test("micro_batch auto keeps to the adapter's binding limit; a fixed one beyond it is refused", async () => {
  const gpu = await Gpu.open("auto", { limits: { maxStorageBufferBindingSize: 2 ** 16 } });
  const size = settled(auto(), gpu);
  assert.ok(size > 1 && size < 48, `${size}`);
  const fixed = (micro_batch: number) =>
    planMemory(gpu, settleMicroBatch(gpu, auto(`training.micro_batch=${micro_batch}`), data), data);
  assert.equal(fixed(size).micro_batch, size);
  assert.throws(
    () => fixed(48),
    /UserError: "training.micro_batch" of 48 is too much.*binding limit of 65536/,
  );
  const learner = new Learner(gpu, auto(), data);
  assert.equal(learner.config.training.micro_batch, size);
  learner.accumulate(await data.batch("train", new Uint32Array(size)), 1, 0); // binds what was planned
  await gpu.finish();
  learner.dispose();
  gpu.destroy();
});

for (const wire of ["f32", "f16"] as const) {
  Deno.test(`the plan of ranks foretells what their gradients are exchanged through as ${wire}`, async () => {
    const config = emoji(...deeper, `training.wire=${wire}`);
    const data = randomData(config);
    const two: Collective = {
      ...ALONE,
      size: 2,
      collect: (values) => Promise.resolve(Uint32Array.from([...values, ...values])),
    };
    const standing = (collective: Collective) => {
      const before = shared.memory.live;
      const learner = new Learner(shared, config, data, collective);
      return { learner, bytes: shared.memory.live - before };
    };
    const alone = standing(ALONE);
    alone.learner.dispose();
    const { learner, bytes } = standing(two);
    const { exchange } = planMemory(shared, learner.config, data, 2);
    const batch = await data.batch("train", Uint32Array.from({ length: 8 }, (_, i) => i));
    const staged = await mostStaged(async () => {
      await learner.rankSums!.begin();
      learner.accumulate(batch, 1, 0, { endsShare: true });
      await learner.rankSums!.exchange(0, { endsStep: true, endsEpoch: false });
    });
    learner.dispose();
    // Device memory comes in classes, up to 1/16 larger; buckets may be read one after the other where there are few.
    const held = bytes - alone.bytes + staged;
    assert.ok(held > 0.6 * exchange! && held < 1.07 * exchange!, `${exchange} planned, ${held} held`);
    assert.equal(planMemory(shared, learner.config, data).exchange, undefined);
  });
}

/** The most bytes that were there at once in buffers that the host reads through, while `body` ran. */
async function mostStaged(body: () => Promise<void>): Promise<number> {
  const { prototype } = CLASSES.GPUDevice;
  const { createBuffer } = prototype;
  let [now, most] = [0, 0];
  prototype.createBuffer = function (this: GPUDevice, descriptor) {
    const buffer = createBuffer.call(this, descriptor);
    if ((descriptor.usage & GPUBufferUsage.MAP_READ) === 0) return buffer;
    most = Math.max(most, now += descriptor.size);
    const destroy = buffer.destroy.bind(buffer);
    buffer.destroy = () => {
      now -= descriptor.size;
      return destroy();
    };
    return buffer;
  };
  try {
    await body();
  } finally {
    prototype.createBuffer = createBuffer;
  }
  return most;
}
