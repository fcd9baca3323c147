/** Batch norm as a layer: its buffers, what moves them, and what does not. */
import assert from "node:assert/strict";
import { BatchNorm2d, type BatchNormSettings } from "../../src/nn/batch_norm.ts";
import type { Context } from "../../src/nn/context.ts";
import { Parameters } from "../../src/nn/parameters.ts";
import { recompute } from "../../src/nn/recompute.ts";
import { backward } from "../../src/ops/backward.ts";
import { sum } from "../../src/ops/reduce.ts";
import { mul } from "../../src/ops/arithmetic.ts";
import { scope } from "../../src/tensor/scope.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { openTestGpu } from "../open_gpu.ts";

const gpu = await openTestGpu();
const [MEAN, VARIANCE, BATCHES] = ["running_mean", "running_var", "num_batches_tracked"] as const;
const VALUES = Float32Array.from({ length: 4 * 2 * 2 * 4 }, (_, i) => (i * 37 % 23) / 7 + i % 4);

/** A layer of four channels, and the gradients and buffers that a pass over four maps leaves. */
async function pass(
  { settings = {}, frozen = false, passes = 1, ...context }: Context & {
    settings?: BatchNormSettings;
    frozen?: boolean;
    passes?: number;
  },
) {
  const parameters = new Parameters();
  const norm = new BatchNorm2d(parameters.root.at("norm"), 4, settings);
  parameters.freeze(() => frozen);
  parameters.root.parameter("other", [1], () => {});
  parameters.allocate(gpu, 0);
  const x = Tensor.from(gpu, VALUES, [4, 2, 2, 4], true);
  const gradient = scope(() => {
    for (let i = 0; i < passes; i++) {
      const y = context.recompute
        ? recompute((x, context) => norm.forward(x, context), x, [], context)
        : norm.forward(x, context);
      backward(sum(mul(mul(y, y), y)));
    }
    return x.grad!;
  });
  const state = await parameters.read();
  const grads = frozen ? [] : [await norm.weight.grad.read(), await norm.bias.grad.read()];
  const dx = await gradient.read();
  gradient.dispose();
  x.dispose();
  parameters.dispose();
  return {
    state: Object.fromEntries([MEAN, VARIANCE, BATCHES].map((n) => [n, state.get(`norm.${n}`)!])),
    grads,
    dx,
  };
}

const UNMOVED = {
  [MEAN]: new Float32Array(4),
  [VARIANCE]: new Float32Array(4).fill(1),
  [BATCHES]: Float32Array.of(0),
};

Deno.test("batch norm declares buffers: state that is read and written, and is no parameter", async () => {
  const live = gpu.memory.live;
  const parameters = new Parameters();
  new BatchNorm2d(parameters.root.at("norm"), 4);
  parameters.allocate(gpu, 0);
  assert.deepEqual([...parameters].map(({ name }) => name), ["norm.weight", "norm.bias"]);
  const names = ["norm.weight", "norm.bias", ...[MEAN, VARIANCE, BATCHES].map((name) => `norm.${name}`)];
  assert.deepEqual([...parameters.state()].map(({ name }) => name), names);
  assert.equal(parameters.count, 8);
  const learned = parameters.arrays.flatMap(({ members }) => members.map(({ parameter }) => parameter.name));
  assert.deepEqual(learned, names.slice(0, 2));
  assert.throws(() => parameters.get("norm.running_mean").grad, /it is frozen/);
  parameters.write("norm.running_mean", Float32Array.of(1, 2, 3, 4));
  assert.deepEqual((await parameters.read()).get("norm.running_mean"), Float32Array.of(1, 2, 3, 4));
  parameters.dispose();
  assert.equal(gpu.memory.live, live);
});

Deno.test("batch norm moves its statistics once a forward pass of training, computed again or not", async () => {
  const once = await pass({ training: true });
  assert.deepEqual(once.state[BATCHES], Float32Array.of(1));
  const channel = VALUES.filter((_, i) => i % 4 === 0);
  const mean = channel.reduce((sum, x) => sum + x) / channel.length;
  assert.ok(Math.abs(once.state[MEAN]![0]! - 0.1 * mean) < 1e-6);
  assert.deepEqual(await pass({ training: true, recompute: true }), once);
  assert.deepEqual(
    (await pass({ training: true, recompute: true, passes: 3 })).state[BATCHES],
    Float32Array.of(3),
  );
  assert.deepEqual((await pass({ training: true, passes: 3 })).state[BATCHES], Float32Array.of(3));
});

Deno.test("batch norm leaves its statistics alone in evaluation, and where it is frozen unless told otherwise", async () => {
  const evaluated = await pass({});
  assert.deepEqual(evaluated.state, UNMOVED);
  const frozen = await pass({ training: true, frozen: true });
  assert.deepEqual(frozen.state, UNMOVED);
  assert.deepEqual(frozen.dx, evaluated.dx);
  const [once, moving] = await Promise.all([
    pass({ training: true }),
    pass({ training: true, frozen: true, settings: { whenFrozen: "batch" } }),
  ]);
  assert.deepEqual(moving.state, once.state);
  assert.deepEqual(moving.dx, once.dx);
});
