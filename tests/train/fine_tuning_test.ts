/** The controls of fine-tuning, from configuration to weights. */
import assert from "node:assert/strict";
import { Learner } from "../../src/train/learner.ts";
import type { RunConfig } from "../../src/config/run_config.ts";
import { openTestGpu } from "../open_gpu.ts";
import { tinyConfig, tinyData } from "./tiny.ts";

const gpu = await openTestGpu();
const data = tinyData({ train: 16, validation: 3, test: 3 });
const batch = await data.batch("train", Uint32Array.from({ length: 16 }, (_, i) => i));

type Weights = ReadonlyMap<string, Float32Array>;

/** Weights before and after steps on one batch. */
async function learn(config: RunConfig, steps = 1): Promise<{ before: Weights; after: Weights }> {
  const learner = new Learner(gpu, config, data);
  const read = async () =>
    new Map(Array.from(await learner.readWeights(), ([name, { data }]) => [name, data]));
  const before = await read();
  for (let step = 0; step < steps; step++) {
    learner.accumulate(batch, 1, step);
    learner.step(step);
  }
  const after = await read();
  learner.dispose();
  return { before, after };
}

/** Names of those that differ. */
function changed(a: Weights, b: Weights): string[] {
  return [...a].filter(([name, values]) => values.some((x, i) => x !== b.get(name)![i])).map(([name]) =>
    name
  );
}

function distance(a: Weights, b: Weights): number {
  let sum = 0;
  for (const [name, values] of a) values.forEach((x, i) => sum += (x - b.get(name)![i]!) ** 2);
  return Math.sqrt(sum);
}

/** With an epsilon this large, a step grows with the gradient. */
const PLAIN = ["optimizer.epsilon=1", "optimizer.warmup_steps=0"];

Deno.test("a frozen encoder and frozen layers stay as they are, bit for bit, and the rest learns", async () => {
  const { before, after } = await learn(
    tinyConfig(
      "model.encoders.image.num_hidden_layers=2",
      "model.encoders.image.frozen=1",
      "model.encoders.text.frozen=true",
      "optimizer.weight_decay=0.1",
      "optimizer.warmup_steps=0",
    ),
    3,
  );
  const isFrozen = (name: string) => /^text\.|^image\.embeddings\.|^image\.encoder\.layer\.0\./.test(name);
  assert.deepEqual(changed(before, after), [...before.keys()].filter((name) => !isFrozen(name)));
});

Deno.test("what is frozen has no moments, and going on from a checkpoint does without them", async () => {
  const config = tinyConfig("model.encoders.text.frozen=true");
  const learner = new Learner(gpu, config, data);
  learner.accumulate(batch, 1, 0);
  learner.step(0);
  const { arrays, state } = await learner.readOptimizer();
  const weights = await learner.readWeights();
  assert.ok(![...arrays.keys()].some((name) => /^exp_avg(_sq)?\.text/.test(name)));
  assert.ok(arrays.has("exp_avg.image.layernorm.bias"));
  assert.ok(!("text" in learner.learningRates(0)));
  const other = new Learner(gpu, { ...config, seed: 99 }, data);
  other.writeWeights(weights, "here");
  other.writeOptimizer(arrays, state, "here");
  for (const each of [learner, other]) {
    each.accumulate(batch, 1, 1); // other dropout, of another seed
    each.step(1);
  }
  const [a, b] = [await learner.readOptimizer(), await other.readOptimizer()];
  assert.deepEqual([...a.arrays.keys()], [...b.arrays.keys()]);
  assert.equal(b.state.step, 2);
  learner.dispose();
  other.dispose();
});

Deno.test("weight_decays of a part change that part's matrices alone", async () => {
  const settings = (...more: string[]) => tinyConfig(...PLAIN, "optimizer.weight_decay=0.5", ...more);
  const { after: reference } = await learn(settings());
  for (const part of ["text", "heads"]) {
    const { after, before } = await learn(settings(`optimizer.weight_decays.${part}=0`));
    const expected = [...before.keys()].filter((name) =>
      name.startsWith(`${part}.`) && !name.endsWith("bias") && !/norm/i.test(name)
    );
    assert.deepEqual(changed(reference, after), expected);
  }
});

Deno.test("max_gradient_norm shortens long gradients and leaves short ones", async () => {
  const settings = (...more: string[]) =>
    tinyConfig(...PLAIN, "optimizer.weight_decay=0", "optimizer.beta1=0", "optimizer.beta2=0", ...more);
  const { before, after: free } = await learn(settings());
  const { after: long } = await learn(settings("optimizer.max_gradient_norm=1e6"));
  assert.deepEqual(changed(free, long), []);
  const lengths: number[] = [];
  for (const norm of [1e-2, 2e-2]) {
    const { after } = await learn(settings(`optimizer.max_gradient_norm=${norm}`));
    lengths.push(distance(before, after));
  }
  // So short, gradients are small beside epsilon: a step is rate · gradient.
  assert.ok(Math.abs(lengths[0]! - 1e-4) < 3e-6, `${lengths}`);
  assert.ok(Math.abs(lengths[1]! / lengths[0]! - 2) < 0.05, `${lengths}`);
  assert.ok(distance(before, free) > 2 * lengths[1]!);
});

Deno.test("schedules: warm-up, then constant, or half a cosine over the steps of all epochs", () => {
  // 16 samples in batches of 16: one step an epoch.
  const rates = (...settings: string[]) => {
    const learner = new Learner(
      gpu,
      tinyConfig("training.epochs=6", "optimizer.warmup_steps=2", ...settings),
      data,
    );
    using _ = { [Symbol.dispose]: () => learner.dispose() };
    learner.mustBeTrainable(data);
    const rates = [0, 1, 2, 3, 4, 5].map((step) => learner.learningRates(step).heads! / 0.01);
    return rates.map((rate) => Number(rate.toFixed(6)));
  };
  assert.deepEqual(rates(), [0.5, 1, 1, 1, 1, 1]);
  assert.deepEqual(rates("optimizer.schedule=constant"), [0.5, 1, 1, 1, 1, 1]);
  assert.deepEqual(rates("optimizer.schedule=cosine"), [0.5, 1, 1, 0.853553, 0.5, 0.146447]);
  assert.throws(
    () => rates("optimizer.schedule=cosine", "optimizer.warmup_steps=6"),
    /UserError.*"optimizer.warmup_steps" must be below the 6 steps.*got 6/,
  );
  assert.throws(
    () => rates("optimizer.weight_decays.head=1"),
    /unknown key "optimizer.weight_decays.head": did you mean "optimizer.weight_decays.heads"/,
  );
});
