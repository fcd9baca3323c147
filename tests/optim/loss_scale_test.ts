/** Dynamic loss scaling: steps that overflow are skipped, the others are those without a scale. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { normal } from "../../src/nn/initializers.ts";
import { Parameters } from "../../src/nn/parameters.ts";
import { Adam } from "../../src/optim/adam.ts";
import { LossScale, type LossScaleOptions } from "../../src/optim/loss_scale.ts";
import { openTestGpu } from "../open_gpu.ts";
import { generator, relativeError } from "../ops/table.ts";

const gpu = await openTestGpu();

/** Sizes that are not whole vec4s or blocks, and one of several workgroups. */
const SHAPES = { a: [3, 23], b: [130], c: [65, 33] };
const NAMES = Object.keys(SHAPES);

class Training {
  readonly parameters = new Parameters();
  readonly optimizer: Adam;
  readonly lossScale: LossScale | undefined;

  constructor(options: LossScaleOptions | undefined) {
    for (const [name, shape] of Object.entries(SHAPES)) {
      this.parameters.root.parameter(name, shape, normal(1));
    }
    this.parameters.allocate(gpu, 7);
    const groups = { all: { learningRate: 1e-2, weightDecay: 0.1 } };
    this.optimizer = new Adam(this.parameters, { groups, groupOf: () => "all" });
    this.lossScale = options && new LossScale(gpu, options);
  }

  /** A step by gradients drawn for `number`, times `scale`; `spoil` puts something in their place. */
  step(number: number, scale: number, maxNorm?: number, spoil?: { name: string; at: number; value: number }) {
    const random = generator(100 + number);
    for (const { name, grad } of this.parameters) {
      const values = Float32Array.from({ length: grad.size }, () => scale * (4 * random() - 2));
      if (spoil?.name === name) values[spoil.at] = spoil.value;
      gpu.write(grad, values);
    }
    const { lossScale } = this;
    this.optimizer.step({ ...(lossScale && { lossScale }), ...(maxNorm !== undefined && { maxNorm }) });
  }

  /** Parameters and both moments, one array. */
  async state(): Promise<Float32Array> {
    const values = await this.parameters.read();
    const { moments: { exp_avg, exp_avg_sq } } = await this.optimizer.read();
    const arrays = [values, exp_avg!, exp_avg_sq!].flatMap((part) =>
      NAMES.map((name) => [...part.get(name)!])
    );
    return Float32Array.from(arrays.flat());
  }

  async scale(): Promise<{ scale: number; skipped: number }> {
    return await this.lossScale!.read();
  }

  dispose(): void {
    this.optimizer.dispose();
    this.parameters.dispose();
    this.lossScale?.dispose();
  }
}

for (const maxNorm of [undefined, 0.5]) {
  Deno.test(`steps by scaled gradients are those by gradients, clipped to ${maxNorm}`, async () => {
    const live = gpu.memory.live;
    const [plain, scaled] = [new Training(undefined), new Training({ initial: 2 ** 12 })];
    for (let number = 0; number < 12; number++) {
      plain.step(number, 1, maxNorm);
      scaled.step(number, 2 ** 12, maxNorm);
    }
    assert.ok(relativeError(await scaled.state(), await plain.state()) < 1e-5);
    assert.deepEqual(await scaled.scale(), { scale: 2 ** 12, skipped: 0 });
    plain.dispose();
    scaled.dispose();
    assert.equal(gpu.memory.live, live);
  });
}

for (const value of [Infinity, -Infinity, NaN]) {
  Deno.test(`a step with a gradient of ${value} is skipped, and the scale halved`, async () => {
    const [plain, scaled] = [new Training(undefined), new Training({ initial: 8 })];
    plain.step(0, 1);
    scaled.step(0, 8);
    const before = await scaled.state();
    // The last element of a parameter, beyond the last whole vec4.
    scaled.step(9, 8, 0.5, { name: "b", at: 129, value });
    assert.ok(Buffer.from(before.buffer).equals(Buffer.from((await scaled.state()).buffer)));
    assert.deepEqual(await scaled.scale(), { scale: 4, skipped: 1 });
    // The step after it is the second that is taken: skipped ones do not count for the corrections of the moments.
    plain.step(1, 1);
    scaled.step(1, 4);
    assert.ok(relativeError(await scaled.state(), await plain.state()) < 1e-5);
    assert.deepEqual(await scaled.scale(), { scale: 4, skipped: 1 });
    plain.dispose();
    scaled.dispose();
  });
}

Deno.test("what lies between parameters, or is larger than any f16, is no overflow", async () => {
  const training = new Training({ initial: 1 });
  const [{ grads }] = training.parameters.arrays as [(typeof training.parameters.arrays)[number]];
  gpu.write(grads, new Float32Array(grads.size).fill(NaN));
  training.step(0, 1e30); // over all that is learned
  assert.ok((await grads.read()).some(Number.isNaN), "there is something between");
  assert.deepEqual(await training.scale(), { scale: 1, skipped: 0 });
  training.dispose();
});

// "." is a step that is taken, "!" one that overflows; the scale after each.
const rules: readonly { options: LossScaleOptions; steps: string; scales: readonly number[] }[] = [
  { options: { initial: 4, interval: 3 }, steps: "..!......!", scales: [4, 4, 2, 2, 2, 4, 4, 4, 8, 4] },
  { options: { initial: 4, interval: 1 }, steps: "..!.", scales: [8, 16, 8, 16] },
  {
    options: { initial: 64, backoff: 0.25, growth: 8, interval: 2 },
    steps: "!!....!",
    scales: [16, 4, 4, 32, 32, 256, 64],
  },
  { options: { initial: 8, interval: 2 }, steps: ".!.!.!", scales: [8, 4, 4, 2, 2, 1] },
  { options: {}, steps: "!.!.", scales: [2 ** 15, 2 ** 15, 2 ** 14, 2 ** 14] },
  // It never falls below the least normal number of f16, or another that is asked for, from where it still grows.
  {
    options: { initial: 2 ** -12, interval: 1 },
    steps: "!!!!.",
    scales: [2 ** -13, 2 ** -14, 2 ** -14, 2 ** -14, 2 ** -13],
  },
  { options: { initial: 8, minimum: 4 }, steps: "!!!", scales: [4, 4, 4] },
  // It never grows beyond what f32 holds, from where it still comes back.
  {
    options: { initial: 2 ** 125, interval: 1 },
    steps: "...!",
    scales: [2 ** 126, 1e38, 1e38, 5e37].map(Math.fround),
  },
];
for (const { options, steps, scales } of rules) {
  Deno.test(`the scale backs off and grows by ${JSON.stringify(options)} over ${steps}`, async () => {
    const training = new Training(options);
    for (const [i, step] of [...steps].entries()) {
      training.step(0, 1, undefined, step === "!" ? { name: "a", at: 0, value: Infinity } : undefined);
      const skipped = steps.slice(0, i + 1).replaceAll(".", "").length;
      assert.deepEqual(await training.scale(), { scale: scales[i], skipped }, `step ${i}`);
    }
    training.dispose();
  });
}

Deno.test("the scale grows after 2,000 steps if not told otherwise", async () => {
  const lossScale = new LossScale(gpu);
  for (const [steps, scale] of [[1999, 2 ** 16], [1, 2 ** 17], [1999, 2 ** 17], [1, 2 ** 18]] as const) {
    for (let step = 0; step < steps; step++) lossScale.decide([], [0.9, 0.999]);
    assert.deepEqual(await lossScale.read(), { scale, skipped: 0 });
  }
  lossScale.dispose();
});

Deno.test("an overflow is seen wherever it lies, and in no more than its own step", async () => {
  const training = new Training({ initial: 2 ** 100, backoff: 0.5, interval: 1e6 });
  let scale = 2 ** 100;
  for (const [name, [rows = 1, columns = 1]] of Object.entries(SHAPES)) {
    const size = rows * columns;
    for (const at of [0, 1, 2, 3, 63, 64, 67, size >> 1, size - 2, size - 1].filter((at) => at < size)) {
      training.step(0, 1, undefined, { name, at, value: Infinity });
      scale /= 2;
      training.step(1, 1);
      assert.equal((await training.scale()).scale, scale, `${name} at ${at}`);
    }
  }
  training.dispose();
});

Deno.test("the gradient of a loss starts at the weight times the scale", async () => {
  const lossScale = new LossScale(gpu);
  const seed = lossScale.seed(0.25);
  assert.deepEqual([...await seed.read()], [2 ** 14]);
  seed.dispose();
  lossScale.dispose();
});
