/** The noise scale of gradients, on a problem whose noise is known, and against its formula in float64. */
import assert from "node:assert/strict";
import { zeros } from "../../src/nn/initializers.ts";
import { Parameters } from "../../src/nn/parameters.ts";
import { Adam } from "../../src/optim/adam.ts";
import { GradientNoise } from "../../src/optim/gradient_noise.ts";
import { LossScale } from "../../src/optim/loss_scale.ts";
import { openTestGpu } from "../open_gpu.ts";
import { generator } from "../ops/table.ts";

const gpu = await openTestGpu();

/** Sizes that are not whole vec4s, and more than one workgroup takes. */
const SHAPES = { a: [3, 23], b: [130], c: [165, 133] };
const SIZE = 69 + 130 + 165 * 133;
/** A gradient of one in every element, and noise of this standard deviation in that of each sample. */
const DEVIATION = 3;
/** Samples of micro-batches of three steps: equal ones, a shorter last one, and a single one, of which nothing can be told. */
const STEPS = [[4, 4, 4, 4], [4, 4, 2], [4]];

class Problem {
  readonly #parameters = new Parameters();
  readonly #optimizer: Adam;
  readonly #lossScale: LossScale | undefined;
  readonly #noise: GradientNoise;
  readonly #random = generator(11);
  /** The averages of |G|² and tr Σ in float64. */
  #signal = 0;
  #variance = 0;
  #steps = 0;

  constructor(readonly every: number, scale?: number) {
    for (const [name, shape] of Object.entries(SHAPES)) this.#parameters.root.parameter(name, shape, zeros);
    this.#parameters.allocate(gpu, 1);
    const groups = { all: { learningRate: 1e-3, weightDecay: 0 } };
    this.#optimizer = new Adam(this.#parameters, { groups, groupOf: () => "all" });
    this.#lossScale = scale === undefined ? undefined : new LossScale(gpu, { initial: scale });
    this.#noise = new GradientNoise(this.#optimizer, every, this.#lossScale);
  }

  /** A step of micro-batches of these sizes, weighed by `weightOf`; one number of its gradient may be spoilt. */
  async step(
    sizes: readonly number[],
    weightOf = (size: number) => size / sum(sizes),
    spoilt?: number,
  ): Promise<void> {
    const { scale } = await this.#lossScale?.read() ?? { scale: 1 };
    const total = new Float64Array(SIZE);
    let first = 0;
    for (const [i, size] of sizes.entries()) {
      const weight = weightOf(size);
      // The mean of `size` samples: the gradient, and noise that is smaller by √size.
      const own = Float64Array.from({ length: SIZE }, () => 1 + DEVIATION * this.#normal() / Math.sqrt(size));
      for (let j = 0; j < SIZE; j++) total[j]! += weight * own[j]!;
      if (i === 0) first = square(own);
      if (spoilt !== undefined) total[5] = spoilt;
      this.#write(total, scale);
      this.#noise.add({ weight, size, isFirst: i === 0 });
    }
    this.#noise.measure();
    this.#optimizer.step({ ...(this.#lossScale && { lossScale: this.#lossScale }) });
    if (this.#steps++ % this.every > 0 || sizes.length === 1 || spoilt !== undefined) return;
    const weights = sum(sizes.map(weightOf));
    const [small, large] = [sizes[0]!, sum(sizes)];
    const whole = square(total.map((value) => value / weights));
    this.#signal += 0.05 * ((large * whole - small * first) / (large - small) - this.#signal);
    this.#variance += 0.05 * ((first - whole) / (1 / small - 1 / large) - this.#variance);
  }

  async scales(): Promise<{ measured: number | undefined; expected: number }> {
    return {
      measured: this.#noise.reading(await this.#noise.state.read()),
      expected: this.#variance / this.#signal,
    };
  }

  dispose(): void {
    this.#noise.dispose();
    this.#lossScale?.dispose();
    this.#optimizer.dispose();
    this.#parameters.dispose();
  }

  #write(values: Float64Array, scale: number): void {
    let at = 0;
    for (const { grad } of this.#parameters) {
      gpu.write(grad, Float32Array.from(values.subarray(at, at += grad.size), (value) => scale * value));
    }
  }

  /** Box and Muller. */
  #normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.#random())) * Math.cos(2 * Math.PI * this.#random());
  }
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
const square = (values: Float64Array) => values.reduce((total, value) => total + value * value, 0);

async function scalesAfter(problem: Problem, steps: (problem: Problem) => Promise<void>) {
  await steps(problem);
  const { measured, expected } = await problem.scales();
  problem.dispose();
  return { measured: measured!, expected };
}

Deno.test("the noise scale is that of the formula, and that of a problem where it is known", async () => {
  const { measured, expected } = await scalesAfter(new Problem(1), async (problem) => {
    for (let i = 0; i < 30; i++) await problem.step(STEPS[i % 3]!);
  });
  assert.ok(Math.abs(measured / expected - 1) < 1e-4, `${measured}, not ${expected}`);
  // Each element has a gradient of 1 and a variance of 9.
  assert.ok(Math.abs(measured / DEVIATION ** 2 - 1) < 0.02, `${measured}`);
});

Deno.test("the noise scale does not hang on the weights of micro-batches, nor on a loss scale", async () => {
  const steps = (weightOf?: (size: number) => number) => async (problem: Problem) => {
    for (let i = 0; i < 3; i++) await problem.step([4, 4, 4, 4], weightOf);
  };
  const plain = await scalesAfter(new Problem(1), steps());
  for (
    const [problem, weightOf] of [[new Problem(1), () => 0.5], [new Problem(1, 1024), undefined]] as const
  ) {
    const { measured } = await scalesAfter(problem, steps(weightOf));
    assert.ok(Math.abs(measured / plain.measured - 1) < 1e-4, `${measured}, not ${plain.measured}`);
  }
});

Deno.test("steps between measurements, and those that overflow, leave the noise scale alone", async () => {
  const { measured, expected } = await scalesAfter(new Problem(3, 1), async (problem) => {
    for (const spoilt of [undefined, undefined, NaN, Infinity, undefined, NaN, undefined]) {
      await problem.step([4, 4], undefined, spoilt);
    }
  });
  assert.ok(Math.abs(measured / expected - 1) < 1e-4, `${measured}, not ${expected}`);
});

Deno.test("as long as nothing can be told of the noise, nothing is", async () => {
  const { measured } = await scalesAfter(new Problem(1), (problem) => problem.step([4]));
  assert.equal(measured, undefined);
});
