/** Every optimizer of the registry against PyTorch: scripts/fixtures/optimizers.py. */
import assert from "node:assert/strict";
import { Gpu } from "../../src/gpu/gpu.ts";
import { zeros } from "../../src/nn/initializers.ts";
import { Parameters } from "../../src/nn/parameters.ts";
import { groupByPart } from "../../src/optim/groups.ts";
import type { Optimizer } from "../../src/optim/optimizer.ts";
import { OPTIMIZER_NAMES, type OptimizerName, OPTIMIZERS, OWN_SETTINGS } from "../../src/optim/registry.ts";
import { WeightAverage } from "../../src/optim/weight_average.ts";
import { rateFactor } from "../../src/optim/schedule.ts";
import fixtures from "../fixtures/optimizers.json" with { type: "json" };
import { Fixture } from "../models/fixtures.ts";
import { openTestGpu } from "../open_gpu.ts";
import { relativeError } from "../ops/table.ts";

/** Processors read what Adam moves on from copies, GPUs in place. */
const DEVICES = {
  "as planned for this adapter": await openTestGpu(),
  "as for GPUs": await Gpu.open("auto", { adapterClass: "gpu" }),
};

interface Case {
  readonly name: OptimizerName;
  readonly decay?: number;
  readonly alpha?: number;
  readonly momentum?: number;
  readonly epsilon?: number;
  readonly bias_correction?: boolean;
  readonly held?: Readonly<Record<string, number>>;
  readonly max_norm?: number;
  readonly max_parameter_norm?: number;
  readonly scale?: number;
  readonly factors?: readonly number[];
  /** What the rates of single parameters are multiplied by. */
  readonly rates?: Readonly<Record<string, number>>;
  readonly ema_decay?: number;
}
const cases = Object.entries(fixtures.cases) as unknown as [string, Case][];
const NAMES = ["a", "b", "c", "d"];

function begin(gpu: Gpu, fixture: Fixture, given: Case): { parameters: Parameters; optimizer: Optimizer } {
  const { name, decay = 0, held = {}, ...settings } = given;
  const parameters = new Parameters();
  for (const one of NAMES) {
    parameters.root.parameter(one, fixture.shape(`start.${one}`), zeros);
  }
  parameters.allocate(gpu, 0);
  for (const one of NAMES) parameters.write(one, fixture.floats(`start.${one}`));
  const rates = Object.fromEntries(
    NAMES.map((one) => [one, fixtures.learning_rate * (given.rates?.[one] ?? 1)]),
  );
  const groups = groupByPart({ rates, weightDecay: decay, decayVectors: true, heldSteps: held });
  const defaults = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, ...OWN_SETTINGS };
  return { parameters, optimizer: OPTIMIZERS[name].create(parameters, groups, { ...defaults, ...settings }) };
}

function take(
  step: number,
  parameters: Parameters,
  optimizer: Optimizer,
  fixture: Fixture,
  given: Case,
): void {
  for (const { name, grad } of parameters) grad.gpu.write(grad, fixture.floats(`grad.${step}.${name}`));
  optimizer.step({
    gradientScale: given.scale ?? 1,
    rateFactor: given.factors?.[step] ?? 1,
    ...(given.max_norm !== undefined && { maxNorm: given.max_norm }),
    ...(given.max_parameter_norm !== undefined && { maxParameterNorm: given.max_parameter_norm }),
  });
}

const minus = (a: ArrayLike<number>, b: ArrayLike<number>) => Float64Array.from(a, (x, i) => x - b[i]!);

for (const [planned, gpu] of Object.entries(DEVICES)) {
  for (const [name, given] of cases) {
    Deno.test(`an optimizer does as PyTorch's: ${name}, ${planned}`, async () => {
      const live = gpu.memory.live;
      const fixture = new Fixture("optimizers");
      const { parameters, optimizer } = begin(gpu, fixture, given);
      const average = given.ema_decay === undefined
        ? undefined
        : new WeightAverage(parameters, given.ema_decay);
      for (let step = 0; step < fixtures.steps; step++) {
        take(step, parameters, optimizer, fixture, given);
        average?.update();
        const now = await parameters.read();
        const averaged = await average?.read();
        for (const one of NAMES) {
          const key = `${name}.ema.${step}.${one}`;
          if (averaged && fixture.has(key)) {
            const error = relativeError(averaged.get(one)!, fixture.floats(key));
            assert.ok(error < 1e-6, `step ${step}: the average of ${one} is off by ${error}`);
          }
          const start = fixture.floats(`start.${one}`);
          if (step < (given.held?.[one] ?? 0)) assert.deepEqual(now.get(one), start, `${one} is held`);
          if (!fixture.has(`${name}.${step}.${one}`)) continue;
          const expected = minus(fixture.floats(`${name}.${step}.${one}`), start);
          const rounding = 2 ** -22 / fixtures.learning_rate; // of values beside what they move by
          const error = expected.every((x) => x === 0)
            ? 0
            : relativeError(minus(now.get(one)!, start), expected);
          assert.ok(error < 1e-4 + rounding, `step ${step}: ${one} moved wrong by ${error}`);
        }
      }
      average?.dispose();
      optimizer.dispose();
      parameters.dispose();
      fixture.close();
      assert.equal(gpu.memory.live, live, "bytes left behind");
    });
  }
}

Deno.test("every optimizer has a case, and goes on from what it wrote, bit for bit, held or not", async () => {
  assert.deepEqual(new Set(cases.map(([, given]) => given.name)), new Set(OPTIMIZER_NAMES));
  const fixture = new Fixture("optimizers");
  const gpu = await openTestGpu();
  for (const [name, given] of cases) {
    const run = async (interruptions: readonly number[]) => {
      let { parameters, optimizer } = begin(gpu, fixture, given);
      for (let step = 0; step < fixtures.steps; step++) {
        if (interruptions.includes(step)) {
          const [state, weights] = [await optimizer.read(), await parameters.read()];
          assert.deepEqual(Object.keys(state.moments), [...optimizer.momentNames]);
          for (const moment of Object.values(state.moments)) {
            for (const [one, steps] of Object.entries(given.held ?? {})) {
              assert.equal(moment.get(one)!.every((x) => x === 0), step <= steps, `moments of ${one}`);
            }
          }
          optimizer.dispose();
          parameters.dispose();
          ({ parameters, optimizer } = begin(gpu, fixture, given));
          for (const [one, values] of weights) parameters.write(one, values);
          optimizer.write(state);
        }
        take(step, parameters, optimizer, fixture, given);
      }
      const last = await parameters.read();
      optimizer.dispose();
      parameters.dispose();
      return last;
    };
    assert.deepEqual(await run([2, 4, 6]), await run([]), name);
  }
  fixture.close();
});

Deno.test("the norm of each parameter is that of its own gradient, over arrays in several ranges", async () => {
  const small = await Gpu.open("auto", { limits: { maxStorageBufferBindingSize: 2 ** 16 } });
  try {
    const parameters = new Parameters();
    const shapes = { a: [5], b: [40_000], c: [100, 3], d: [17] }; // b is over the limit
    for (const [name, shape] of Object.entries(shapes)) parameters.root.parameter(name, shape, zeros);
    parameters.allocate(small, 0);
    for (const { grads } of parameters.arrays) small.write(grads, new Float32Array(grads.size).fill(NaN));
    for (const { name, grad } of parameters) {
      const size = { a: 1, b: 2, c: 0.01, d: 3 }[name]!;
      small.write(grad, new Float32Array(grad.size).fill(size));
    }
    const groups = groupByPart({ rates: { a: 1, b: 1, c: 1, d: 1 }, weightDecay: 0 });
    // One step of RMSProp that forgets nothing: the root of the mean of squares is the gradient's share of its length.
    const settings = { beta1: 0, beta2: 0, epsilon: 1, bias_correction: true, alpha: 0, momentum: 0 };
    const optimizer = OPTIMIZERS.rmsprop.create(parameters, groups, settings);
    optimizer.step({ maxParameterNorm: 1 });
    const { square_avg: squares } = (await optimizer.read()).moments;
    for (const [name, shape] of Object.entries(shapes)) {
      const size = shape.reduce((product, n) => product * n, 1);
      const length = { a: 1, b: 2, c: 0.01, d: 3 }[name]! * Math.sqrt(size);
      const found = Math.sqrt(squares!.get(name)!.reduce((sum, x) => sum + x, 0));
      assert.ok(Math.abs(found / Math.min(1, length) - 1) < 1e-4, `${name}: ${found}, not min(1, ${length})`);
    }
    assert.throws(
      () => optimizer.step({ maxNorm: 1, maxParameterNorm: 1 }),
      /all together and each by itself/,
    );
  } finally {
    small.destroy();
  }
});

Deno.test("the factors of rateFactor() are those of PyTorch's cases", () => {
  for (const [name, { factors }] of cases) {
    const warmup = { bert_adam: 3, adamw_linear: 2 }[name];
    assert.equal(warmup === undefined, factors === undefined);
    for (const [step, factor] of factors?.entries() ?? []) {
      assert.ok(
        Math.abs(rateFactor("linear", step, warmup!, fixtures.steps) - factor) < 1e-12,
        `${name} ${step}`,
      );
    }
  }
});
