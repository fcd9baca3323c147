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

/** Parameters that weight decay does not reach by default. */
const isVector = (name: string) => name.endsWith("bias") || /norm/i.test(name);

Deno.test("decay_vectors has biases and norms of the parts it names decay, or of all", async () => {
  const settings = (...more: string[]) => tinyConfig(...PLAIN, "optimizer.weight_decay=0.5", ...more);
  const { after: reference, before } = await learn(settings());
  for (
    const [value, parts] of [["true", ["image", "text", "heads"]], ['["image","heads"]', ["image", "heads"]]]
  ) {
    const { after } = await learn(settings(`optimizer.decay_vectors=${value}`));
    // A bias of 0 has nothing that could decay: at the start that is all of them, and gains alone are 1.
    const expected = [...before.keys()].filter((name) =>
      isVector(name) && parts!.includes(name.split(".")[0]!) && before.get(name)!.some((x) => x !== 0)
    );
    assert.ok(expected.length > 0);
    assert.deepEqual(changed(reference, after), expected);
  }
  await assert.rejects(
    learn(settings('optimizer.decay_vectors=["imag"]')),
    /UserError.*unknown key "optimizer.decay_vectors.imag": did you mean "optimizer.decay_vectors.image"/,
  );
});

Deno.test("head_learning_rates move one head by another rate, and are told by its name", async () => {
  const settings = (...more: string[]) => tinyConfig(...PLAIN, "optimizer.weight_decay=0", ...more);
  const { after: reference, before } = await learn(settings());
  const own = settings("optimizer.head_learning_rates.text=0.005");
  const { after } = await learn(own);
  assert.deepEqual(
    changed(reference, after),
    [...before.keys()].filter((name) => /^heads\.text\./.test(name)),
  );
  const name = "heads.text.2.weight";
  const of = (weights: Weights) => new Map([[name, weights.get(name)!]]);
  const ratio = distance(of(before), of(after)) / distance(of(before), of(reference));
  assert.ok(Math.abs(ratio - 0.5) < 1e-3, `${ratio}`);
  const learner = new Learner(gpu, own, data);
  assert.deepEqual(learner.learningRates(0), { image: 0.01, text: 0.01, heads: 0.01, "heads.text": 0.005 });
  learner.dispose();
  await assert.rejects(
    learn(settings("optimizer.head_learning_rates.fused=1")),
    /UserError.*unknown key "optimizer.head_learning_rates.fused"/,
  );
});

Deno.test("dropouts give single heads another dropout", async () => {
  const settings = (...more: string[]) =>
    tinyConfig(...PLAIN, "method=mt-mml", "model.encoders.text.hidden_dropout_prob=0", ...more);
  const weights = async (...more: string[]) => (await learn(settings(...more))).after;
  const all = await weights("model.head.dropout=0.5");
  const one = await weights("model.head.dropout=0", 'model.head.dropouts={"image":0.5}');
  const none = await weights("model.head.dropout=0");
  const others = await weights("model.head.dropout=0.5", 'model.head.dropouts={"text":0,"fusion":0}');
  assert.deepEqual(changed(one, others), [], "it does not matter which value is the rule");
  // The image head is drawn first: what it drops is the same, alone or with others.
  const heads = (names: string[]) => names.filter((name) => name.startsWith("heads.image."));
  assert.deepEqual(heads(changed(one, all)), []);
  assert.ok(heads(changed(one, none)).length > 0);
  assert.deepEqual(changed(one, none).filter((name) => name.startsWith("heads.text.")), []);
});

Deno.test("frozen_epochs holds an encoder, or a part of it, for its first epochs, and its moments", async () => {
  // 16 samples in batches of 16: one step an epoch.
  const config = tinyConfig(
    "model.encoders.image.frozen_epochs=3",
    'model.encoders.text.frozen_epochs={"encoder.layer":2}',
    "optimizer.weight_decay=0.1",
    "optimizer.warmup_steps=0",
  );
  const isHeld = (name: string, steps: number) =>
    name.startsWith("image.") && steps <= 3 || name.startsWith("text.encoder.layer.") && steps <= 2;
  const nested = tinyConfig("model.encoders.text.frozen_epochs.encoder.layer=2");
  assert.deepEqual(nested.model.encoders.text!.frozen_epochs, { encoder: { layer: 2 } });
  const { before, after } = await learn(nested);
  assert.ok(!changed(before, after).some((name) => name.startsWith("text.encoder.layer.")));
  for (const steps of [1, 2, 3, 4]) {
    const { before, after } = await learn(config, steps);
    assert.deepEqual(
      changed(before, after),
      [...before.keys()].filter((name) => !isHeld(name, steps)),
      `${steps}`,
    );
  }
  await assert.rejects(
    learn(tinyConfig('model.encoders.text.frozen_epochs={"layers":2}')),
    /UserError.*"model.encoders.text.frozen_epochs" names "layers", which no parameter.*begin with embeddings, encoder/,
  );
});

Deno.test("what is held takes no gradient, as if it were frozen, and all of it once it is let go", () => {
  const dispatches = (...settings: string[]) => {
    const config = tinyConfig("training.micro_batch=16", "optimizer.warmup_steps=0", ...settings);
    const learner = new Learner(gpu, config, data);
    const counts: number[] = [];
    for (let step = 0; step < 3; step++) {
      const before = gpu.dispatches;
      learner.accumulate(batch, 1, step);
      counts.push(gpu.dispatches - before);
      learner.step(step);
    }
    learner.dispose();
    return counts;
  };
  const [all] = dispatches();
  const [frozen] = dispatches("model.encoders.image.frozen=true");
  assert.ok(frozen! < all! - 20, `${frozen} dispatches where the encoder is frozen, ${all} where nothing is`);
  assert.deepEqual(dispatches("model.encoders.image.frozen_epochs=2"), [frozen, frozen, all]);
});

Deno.test("layer_decay slows layers down the deeper they are, and patterns of names come before it", async () => {
  // Adam's first step is as long as the rate, whatever the gradient.
  const base = ["optimizer.epsilon=1e-30", "optimizer.warmup_steps=0", "optimizer.weight_decay=0"];
  const rates = ["optimizer.encoder_learning_rate=0.01", "optimizer.head_learning_rate=0.02"];
  const deep = "model.encoders.image.num_hidden_layers=3";
  const patterns = { "*.attention.output": 0.5, "image.encoder.layer.2": 0.25, "*.layer.1.*.bias": 0.125 };
  const config = tinyConfig(
    ...[...base, ...rates, deep, "optimizer.layer_decay=0.5"],
    `optimizer.rate_patterns=${JSON.stringify(patterns)}`,
  );
  const { before, after } = await learn(config);
  const expected = (name: string) => {
    if (/^(image|text)\..*layer\.1\..*\.bias/.test(name)) return 0.125;
    if (name.startsWith("image.encoder.layer.2.")) return 0.25;
    if (name.includes(".attention.output.")) return 0.5;
    if (name.startsWith("heads.")) return 0.02;
    // As timm and BEiT have it: embeddings 0, layers from 1, what follows them the last.
    const layers = name.startsWith("image.") ? 3 : 1;
    const layer = /layer\.(\d+)\./.exec(name);
    const id = name.includes(".embeddings.") ? 0 : layer ? Number(layer[1]) + 1 : layers + 1;
    return 0.01 * 0.5 ** (layers + 1 - id);
  };
  const seen = new Set<number>();
  for (const [name, values] of before) {
    const steps = Array.from(values, (x, i) => Math.abs(after.get(name)![i]! - x)).filter((step) => step > 0);
    if (steps.length === 0) continue; // words that do not occur, biases of keys
    const rate = expected(name);
    seen.add(rate);
    const longest = Math.max(...steps);
    assert.ok(Math.abs(longest / rate - 1) < 1e-2, `${name} moved by ${longest} at a rate of ${rate}`);
  }
  assert.equal(seen.size, 9, `${[...seen]}`);
});

Deno.test("layer_decay wants layers, and patterns want parameters", async () => {
  const wrong: [string[], RegExp][] = [
    [
      ["method=text", "model.encoders.text.frozen=true", "optimizer.layer_decay=0.5"],
      /UserError: "optimizer\.layer_decay" must be 1/,
    ],
    [
      ['optimizer.rate_patterns={"text.layers":1}'],
      /has "text\.layers", which matches no .*like "image\..*" and "heads\..*", and \* /,
    ],
    [
      ["model.encoders.text.frozen=true", 'optimizer.rate_patterns={"text":1}'],
      /UserError: "optimizer\.rate_patterns" has "text"/,
    ],
  ];
  for (const [settings, line] of wrong) await assert.rejects(learn(tinyConfig(...settings)), line);
  assert.throws(
    () => tinyConfig("optimizer.layer_decay=1.5"),
    /"optimizer\.layer_decay" must be at most 1, got 1\.5/,
  );
});

Deno.test("max_parameter_gradient_norm shortens the gradient of each parameter by itself", async () => {
  const settings = (...more: string[]) =>
    tinyConfig(...PLAIN, "optimizer.weight_decay=0", "optimizer.beta1=0", "optimizer.beta2=0", ...more);
  const { before, after } = await learn(settings("optimizer.max_parameter_gradient_norm=1e-3"));
  const { after: free } = await learn(settings("optimizer.max_parameter_gradient_norm=1e6"));
  for (const name of before.keys()) {
    const of = (weights: Weights) => new Map([[name, weights.get(name)!]]);
    const [short, long] = [after, free].map((weights) => distance(of(before), of(weights)) / 0.01);
    // So short, gradients are small beside epsilon: a step is rate · gradient.
    assert.ok(Math.abs(short! - Math.min(long!, 1e-3)) < 3e-5, `${name}: ${short} of ${long}`);
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

Deno.test("schedules: warm-up, then constant, a line or half a cosine over the steps of all epochs", () => {
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
  assert.deepEqual(rates("optimizer.schedule=linear"), [0.5, 1, 1, 0.75, 0.5, 0.25]);
  // A third of 6 steps, rounded up.
  const share = ["optimizer.warmup_steps=0", "optimizer.warmup_share=0.3"];
  assert.deepEqual(rates("optimizer.schedule=linear", ...share), [0.5, 1, 1, 0.75, 0.5, 0.25]);
  assert.deepEqual(rates("optimizer.schedule=cosine"), [0.5, 1, 1, 0.853553, 0.5, 0.146447]);
  assert.throws(
    () => rates("optimizer.schedule=cosine", "optimizer.warmup_steps=6"),
    /UserError.*"optimizer.warmup_steps" must be below the 6 steps.*got 6/,
  );
  assert.throws(() => rates("optimizer.schedule=linear", "optimizer.warmup_steps=7"), /linear, got 7/);
  assert.throws(
    () => rates("optimizer.weight_decays.head=1"),
    /unknown key "optimizer.weight_decays.head": did you mean "optimizer.weight_decays.heads"/,
  );
});
