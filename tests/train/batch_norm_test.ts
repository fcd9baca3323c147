/** Encoders with batch norm in a run: their buffers are saved and restored, move in training alone, and stay where frozen. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { Interrupted } from "../../src/base/interrupt.ts";
import type { RunConfig } from "../../src/config/run_config.ts";
import { Gpu } from "../../src/gpu/gpu.ts";
import { RunFolder } from "../../src/runs/run_folder.ts";
import { Learner } from "../../src/train/learner.ts";
import { planMemory } from "../../src/train/memory_plan.ts";
import { Predictor } from "../../src/train/predictor.ts";
import { train } from "../../src/train/trainer.ts";
import { readTensors } from "../../src/tensor/tensor.ts";
import { openTestGpu } from "../open_gpu.ts";
import { silent, tinyConfig, tinyData, watched } from "./tiny.ts";

const gpu = await openTestGpu();
const data = tinyData({ train: 20, validation: 6, test: 3 });
const batch = await data.batch("train", Uint32Array.from({ length: 8 }, (_, i) => i));

const ENCODERS = {
  resnet: {
    model_type: "resnet",
    embedding_size: 4,
    hidden_sizes: [4, 8],
    depths: [1, 1],
    layer_type: "basic",
  },
  densenet: { model_type: "densenet", growth_rate: 4, block_config: [1, 1], num_init_features: 4 },
} as const;

/** A tiny configuration whose encoder of images is one of these. */
function configOf(encoder: object, ...settings: string[]): RunConfig {
  return tinyConfig(
    `model.encoders.image=${JSON.stringify(encoder)}`,
    "method=mt-mml",
    "training.epochs=2",
    ...settings,
  );
}

const isBuffer = (name: string) => /running_(mean|var)$|num_batches_tracked$/.test(name);

/** Names of what a step of two micro-batches changes. */
async function changedBy(config: RunConfig): Promise<{ all: string[]; changed: string[]; batches: number }> {
  const learner = new Learner(gpu, config, data);
  const before = await learner.readWeights();
  for (const number of [0, 1]) learner.accumulate(batch, 0.5, number);
  learner.step(0);
  const after = await learner.readWeights();
  const { arrays } = await learner.readOptimizer();
  assert.ok(![...arrays.keys()].some(isBuffer), "a buffer has moments");
  learner.dispose();
  const all = [...before.keys()].filter((name) => name.startsWith("image."));
  const changed = all.filter((name) =>
    before.get(name)!.data.some((value, i) => value !== after.get(name)!.data[i])
  );
  const [counter] = all.filter((name) => name.endsWith("num_batches_tracked"));
  return { all, changed, batches: after.get(counter!)!.data[0]! };
}

for (const [name, encoder] of Object.entries(ENCODERS)) {
  Deno.test(`the statistics of a ${name} move with each micro-batch, once, and not where it is frozen`, async () => {
    for (const more of [[], ["model.checkpointing=true"]]) {
      const { all, changed, batches } = await changedBy(configOf(encoder, ...more));
      assert.deepEqual(changed.filter(isBuffer), all.filter(isBuffer));
      assert.equal(batches, 2);
    }
    const frozen = { ...encoder, frozen: true };
    assert.deepEqual((await changedBy(configOf(frozen))).changed, []);
    const { all, changed } = await changedBy(configOf({ ...frozen, frozen_batch_norm: "batch" }));
    assert.deepEqual(changed, all.filter(isBuffer));
  });

  Deno.test(`the plan of a ${name} foretells the peak of its activations`, async () => {
    for (const more of [[], ["model.checkpointing=true"]]) {
      const own = await Gpu.open(); // peaks are of a device's whole life
      const learner = new Learner(own, configOf(encoder, ...more), data);
      const plan = planMemory(own, learner.config, data);
      for (const number of [0, 1]) learner.accumulate(batch, 0.5, number);
      const ratio = plan.activations / learner.peakActivations;
      assert.ok(Math.abs(ratio - 1) < 0.05, `${ratio} of what was measured was planned`);
      learner.dispose();
      assert.equal(own.memory.live, 0);
      own.destroy();
    }
  });

  Deno.test(`a run of a ${name} that was interrupted ends as one that was not, and its answers are of its checkpoint`, async () => {
    const [whole, cut] = [Deno.makeTempDirSync(), Deno.makeTempDirSync()];
    const run = async (folder: string, interruptAt?: number) => {
      const controller = new AbortController();
      const seen = watched(data, (made) => {
        if (made === interruptAt) controller.abort();
      });
      const isNew = !Array.from(Deno.readDirSync(folder)).some(({ name }) => name === "config.json");
      const opened = isNew ? RunFolder.create(folder, configOf(encoder)) : RunFolder.open(folder);
      const learner = new Learner(gpu, opened.config, seen);
      try {
        await train({ learner, data: seen, run: opened, observer: silent(), signal: controller.signal });
      } finally {
        learner.dispose();
      }
      return opened.checkpoints;
    };
    const first = await run(whole);
    await assert.rejects(run(cut, 2), Interrupted);
    await run(cut);
    const files = ["last.safetensors", "best.safetensors"].map((file) =>
      [whole, cut].map((folder) => Deno.readFileSync(join(folder, "checkpoints", file)))
    );
    for (const [a, b] of files) assert.deepEqual(a, b);
    const { weights } = first.loadBest();
    const state = [...weights].filter(([name]) => name.endsWith("running_var"));
    assert.ok(state.length > 0 && state.every(([, { data }]) => data.some((value) => value !== 1)));
    const predictor = new Predictor(gpu, configOf(encoder), data);
    predictor.writeWeights(weights, "best.safetensors");
    const fewer = new Map([...weights].filter(([name]) => name !== state[0]![0]));
    assert.throws(() => predictor.writeWeights(fewer, "x"), /UserError.*x holds no ".*running_var"/);
    const { logits } = predictor.answer(batch);
    const [one] = await readTensors([logits.image!]);
    const again = predictor.answer(batch).logits.image!;
    assert.deepEqual(await again.read(), one, "answering changes what answers");
    predictor.dispose();
    for (const folder of [whole, cut]) Deno.removeSync(folder, { recursive: true });
  });
}
