/** Adam and AdamW against float64, by groups, over arrays that are cut into binding ranges. */
import assert from "node:assert/strict";
import { Gpu } from "../../src/gpu/gpu.ts";
import { Parameters } from "../../src/nn/parameters.ts";
import { normal } from "../../src/nn/initializers.ts";
import { Adam, type AdamOptions } from "../../src/optim/adam.ts";
import type { StepOptions } from "../../src/optim/optimizer_options.ts";
import { groupByPart } from "../../src/optim/groups.ts";
import { openTestGpu } from "../open_gpu.ts";
import { generator, relativeError } from "../ops/table.ts";

const gpu = await openTestGpu();
/** Processors read what Adam moves on from copies, GPUs in place. */
const DEVICES = {
  "as planned for this adapter": gpu,
  "as for GPUs": await Gpu.open("auto", { adapterClass: "gpu" }),
};

/** Sizes that are not whole vec4s or blocks, and one of several workgroups. */
const SHAPES = { a: [1], b: [3, 23], c: [64], d: [130], frozen: [7], e: [33, 33] };
const GROUPS = {
  fast: { learningRate: 1e-2, weightDecay: 0 },
  slow: { learningRate: 1e-4, weightDecay: 0.1 },
  other: { learningRate: 2e-3, weightDecay: 1e-3 },
};
const GROUP_OF: Record<string, keyof typeof GROUPS | undefined> = {
  a: "slow",
  b: "fast",
  c: "other",
  d: "slow",
  e: "other",
};

function build(device: Gpu, shapes: Record<string, number[]> = SHAPES): Parameters {
  const parameters = new Parameters();
  for (const [name, shape] of Object.entries(shapes)) parameters.root.parameter(name, shape, normal(1));
  parameters.allocate(device, 7);
  return parameters;
}

const options = (more: Partial<AdamOptions> = {}): AdamOptions => ({
  groups: GROUPS,
  groupOf: ({ name }) => GROUP_OF[name],
  ...more,
});

/** Fills gradients with normal numbers, different in every step; the first parameter's are all nought. */
function drawGradients(parameters: Parameters, step: number): Map<string, Float32Array<ArrayBuffer>> {
  const random = generator(100 + step);
  const drawn = new Map<string, Float32Array<ArrayBuffer>>();
  for (const { name, grad } of parameters) {
    const values = Float32Array.from({ length: grad.size }, () => name === "a" ? 0 : 4 * random() - 2);
    grad.gpu.write(grad, values);
    drawn.set(name, values);
  }
  return drawn;
}

interface Reference {
  readonly p: Map<string, Float64Array>;
  readonly m: Map<string, Float64Array>;
  readonly v: Map<string, Float64Array>;
  t: number;
}

function lengthOf(drawn: Map<string, Float32Array>): number {
  let sum = 0;
  for (const [name, g] of drawn) if (GROUP_OF[name]) { for (const x of g) sum += x * x; }
  return Math.sqrt(sum);
}

/** One step of torch's algorithm in float64. */
function stepReference(
  reference: Reference,
  drawn: Map<string, Float32Array>,
  { decoupled = false, betas: [b1, b2] = [0.9, 0.999], epsilon = 1e-8 }: Partial<AdamOptions>,
  { gradientScale = 1, rateFactor = 1, maxNorm }: StepOptions,
): void {
  const t = ++reference.t;
  const clip = maxNorm === undefined ? 1 : Math.min(1, maxNorm / (gradientScale * lengthOf(drawn) + 1e-6));
  for (const [name, gradient] of drawn) {
    if (!GROUP_OF[name]) continue;
    const { learningRate, weightDecay } = GROUPS[GROUP_OF[name]];
    const rate = learningRate * rateFactor;
    const [p, m, v] = [reference.p, reference.m, reference.v].map((part) =>
      part.get(name)!
    ) as Float64Array[];
    for (let i = 0; i < gradient.length; i++) {
      let g = gradient[i]! * gradientScale * clip;
      if (decoupled) p![i]! -= rate * weightDecay * p![i]!;
      else g += weightDecay * p![i]!;
      m![i] = b1 * m![i]! + (1 - b1) * g;
      v![i] = b2 * v![i]! + (1 - b2) * g * g;
      p![i]! -= rate * (m![i]! / (1 - b1 ** t)) / (Math.sqrt(v![i]! / (1 - b2 ** t)) + epsilon);
    }
  }
}

/** Movements are compared, not values: those are large beside what a step does to them. */
function movement(now: ArrayLike<number>, before: ArrayLike<number>): Float64Array {
  return Float64Array.from(now, (x, i) => x - before[i]!);
}

const TABLE: Record<string, { adam?: Partial<AdamOptions>; step?: StepOptions }> = {
  "Adam": {},
  "AdamW": { adam: { decoupled: true } },
  "Adam with other moments": { adam: { betas: [0.5, 0.75], epsilon: 1e-3 } },
  "the mean of four micro-batches": { step: { gradientScale: 0.25 } },
  "AdamW in warm-up": { adam: { decoupled: true }, step: { rateFactor: 0.3 } },
  "a clipped gradient": { step: { gradientScale: 0.5, maxNorm: 1.5 } },
  "a gradient too short to be clipped": { step: { maxNorm: 1e6 } },
};

for (const [planned, gpu] of Object.entries(DEVICES)) {
  for (const [name, { adam = {}, step = {} }] of Object.entries(TABLE)) {
    Deno.test(`Adam.step() agrees with float64: ${name}, ${planned}`, async () => {
      const live = gpu.memory.live;
      const parameters = build(gpu);
      const optimizer = new Adam(parameters, options(adam));
      const first = await parameters.read();
      const zeros = () => new Map([...first].map(([key, values]) => [key, new Float64Array(values.length)]));
      const reference: Reference = {
        p: new Map([...first].map(([key, values]) => [key, Float64Array.from(values)])),
        m: zeros(),
        v: zeros(),
        t: 0,
      };
      for (let i = 0; i < 6; i++) {
        const drawn = drawGradients(parameters, i);
        optimizer.step(step);
        stepReference(reference, drawn, adam, step);
      }
      const last = await parameters.read();
      const state = await optimizer.read();
      for (const [key, before] of first) {
        const now = last.get(key)!;
        if (!GROUP_OF[key]) {
          assert.deepEqual(now, before, "a parameter without a group stays");
          continue;
        }
        const error = relativeError(movement(now, before), movement(reference.p.get(key)!, before));
        const rounding = 6 * 2 ** -24 * 4 / (GROUPS[GROUP_OF[key]].learningRate * (step.rateFactor ?? 1));
        assert.ok(error < 1e-4 + rounding, `${key} moved wrong by ${error}`);
        for (
          const [part, expected] of [[state.moments.exp_avg!, reference.m], [
            state.moments.exp_avg_sq!,
            reference.v,
          ]] as const
        ) {
          assert.ok(relativeError(part.get(key)!, expected.get(key)!) < 1e-5, `moments of ${key}`);
        }
      }
      assert.equal(state.step, 6);
      optimizer.dispose();
      parameters.dispose();
      assert.equal(gpu.memory.live, live, "bytes left behind");
    });
  }
}

Deno.test("gradientNorm() sees what is learned and nothing that lies between", async () => {
  const parameters = build(gpu);
  for (const { grads } of parameters.arrays) gpu.write(grads, new Float32Array(grads.size).fill(NaN));
  const optimizer = new Adam(parameters, options());
  const drawn = drawGradients(parameters, 3);
  const [norm] = await optimizer.gradientNorm().read();
  assert.ok(Math.abs(norm! / lengthOf(drawn) - 1) < 1e-5, `${norm}, not ${lengthOf(drawn)}`);
});

Deno.test("an optimizer goes on from the state it wrote, bit for bit", async () => {
  const run = async (interrupt: boolean) => {
    const parameters = build(gpu);
    let optimizer = new Adam(parameters, options());
    for (let i = 0; i < 6; i++) {
      if (interrupt && i === 3) {
        const state = await optimizer.read();
        optimizer.dispose();
        optimizer = new Adam(parameters, options());
        optimizer.write(state);
        assert.equal(optimizer.learningRates.fast, 5e-3);
      }
      drawGradients(parameters, i);
      optimizer.step();
      if (i === 1) optimizer.setLearningRate("fast", 5e-3);
    }
    return await parameters.read();
  };
  assert.deepEqual(await run(true), await run(false));
});

Deno.test("Adam steps over arrays larger than the adapter's binding limit", async () => {
  const small = await Gpu.open("auto", { limits: { maxStorageBufferBindingSize: 2 ** 16 } });
  try {
    const shapes = { a: [40_000], b: [100, 3], c: [17] }; // 160,000 bytes, over the limit of 65,536
    const run = async (device: Gpu) => {
      const parameters = build(device, shapes);
      const optimizer = new Adam(
        parameters,
        options({ groupOf: ({ name }) => name === "b" ? "slow" : "fast" }),
      );
      for (let i = 0; i < 2; i++) {
        drawGradients(parameters, i);
        parameters.get("a").grad.gpu.write(
          parameters.get("a").grad,
          new Float32Array(40_000).map((_, i) => i % 5 - 2),
        );
        optimizer.step({ maxNorm: 1 });
      }
      const [norm] = await optimizer.gradientNorm().read();
      parameters.zeroGrad();
      const [zero] = await optimizer.gradientNorm().read();
      return {
        values: await parameters.read(),
        squares: (await optimizer.read()).moments.exp_avg_sq!,
        norm,
        zero,
      };
    };
    const [cut, whole] = [await run(small), await run(gpu)];
    assert.equal(cut.zero, 0);
    assert.ok(Math.abs(cut.norm! / whole.norm! - 1) < 1e-6);
    for (const [name, values] of whole.values) {
      assert.ok(relativeError(cut.values.get(name)!, values) < 1e-6, name);
      assert.ok(
        relativeError(cut.squares.get(name)!, whole.squares.get(name)!) < 1e-6,
        name,
      );
    }
  } finally {
    small.destroy();
  }
});

Deno.test("Adam names what it cannot use", () => {
  const parameters = build(gpu);
  assert.throws(() => new Adam(new Parameters(), options()), /before they are allocated/);
  assert.throws(
    () => new Adam(parameters, options({ groupOf: () => "none" })),
    /Cannot put a into group "none"/,
  );
  assert.throws(
    () => new Adam(parameters, options({ groups: { fast: { learningRate: -1, weightDecay: 0 } } })),
    /"fast" at a rate of -1/,
  );
  assert.throws(() => new Adam(parameters, options({ betas: [0.9, 1] })), /betas 0.9 and 1:/);
  const optimizer = new Adam(parameters, options());
  assert.throws(() => optimizer.setLearningRate("none", 1), /"none": no such group/);
  const empty = { step: 1, learningRates: {}, moments: {} };
  assert.throws(
    () => optimizer.write(empty),
    /Cannot restore the moments of a: 1 values are needed, 0 given/,
  );
});

Deno.test("groupByPart() keeps biases and norms from decaying, unless told otherwise", () => {
  const parameters = new Parameters();
  const [image, heads] = [parameters.root.at("image"), parameters.root.at("heads")];
  image.parameter("weight", [2, 2], normal(1));
  image.parameter("norm.bias", [2], normal(1));
  heads.parameter("0.weight", [1, 2], normal(1));
  const part = { rates: { image: 1, heads: 2 }, weightDecay: 3 };
  const settings = (decayVectors: boolean) => {
    const { groups, groupOf } = groupByPart({ ...part, decayVectors });
    return [...parameters].map((parameter) => Object.values(groups[groupOf(parameter)!]!));
  };
  assert.deepEqual(settings(false), [[1, 3], [1, 0], [2, 3]]);
  assert.deepEqual(settings(true), [[1, 3], [1, 3], [2, 3]]);
  parameters.allocate(gpu, 0);
  const { groups, groupOf } = groupByPart({ rates: { image: 1 }, weightDecay: 0 });
  assert.throws(
    () => new Adam(parameters, { groups, groupOf }),
    /heads.0.weight into group "heads": no such group/,
  );
});
