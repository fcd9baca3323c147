/** Gradients that are there already: ops add to them in place what would otherwise be added afterwards. */
import assert from "node:assert/strict";
import { Gpu } from "../../src/gpu/gpu.ts";
import { backward } from "../../src/ops/backward.ts";
import { conv2d } from "../../src/ops/conv.ts";
import { batchNorm } from "../../src/ops/batch_norm.ts";
import { full } from "../../src/ops/fill.ts";
import { indices } from "../../src/ops/indices.ts";
import { gatherRows } from "../../src/ops/indexing.ts";
import { layerNorm } from "../../src/ops/layer_norm.ts";
import { linear } from "../../src/ops/matmul.ts";
import { accumulate, add, sub } from "../../src/ops/arithmetic.ts";
import { scale } from "../../src/ops/pointwise.ts";
import { concat, slice } from "../../src/ops/shape.ts";
import { scope } from "../../src/tensor/scope.ts";
import { type Shape, sizeOf } from "../../src/tensor/shape.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { openTestGpu } from "../open_gpu.ts";
import { generator } from "./table.ts";

interface Case {
  readonly shapes: readonly Shape[];
  readonly run: (gpu: Gpu, ...leaves: Tensor[]) => Tensor;
  /**
   * Dispatches spared where the leaves have gradients: one to add to each, one to copy where it would share memory, and
   * one where sums would begin with zeros.
   */
  readonly spared: number;
}

/** Batch norm by batch statistics; the running ones do not move. */
function normaliseBatch(gpu: Gpu, x?: Tensor, gamma?: Tensor, beta?: Tensor): Tensor {
  const one = full(gpu, [x!.shape.at(-1)!], 1);
  const running = { mean: one, variance: one, batches: full(gpu, [1], 0) };
  return batchNorm(x!, gamma!, beta!, running, { epsilon: 1e-5, statistics: "batch" });
}

const CASES: Record<string, Case> = {
  "linear": { shapes: [[5, 3, 16], [24, 16], [24]], run: (_, x, w, b) => linear(x!, w!, b), spared: 4 },
  "linear without a bias": { shapes: [[9, 8], [4, 8]], run: (_, x, w) => linear(x!, w!), spared: 2 },
  "linear and relu, odd": {
    shapes: [[33, 7], [5, 7], [5]],
    run: (_, x, w, b) => linear(x!, w!, b, "relu"),
    spared: 4,
  },
  "linear and gelu": {
    shapes: [[40, 12], [36, 12], [36]],
    run: (_, x, w, b) => linear(x!, w!, b, "gelu"),
    spared: 4,
  },
  "linear of so many rows that a GPU cuts the sums": {
    shapes: [[1100, 4], [4, 4], [4]],
    run: (_, x, w, b) => linear(x!, w!, b),
    spared: 4,
  },
  "conv2d": {
    shapes: [[2, 5, 6, 8], [4, 8, 3, 3], [4]],
    run: (_, x, w, b) => conv2d(x!, w!, { bias: b, padding: 1 }),
    spared: 4,
  },
  "conv2d of a stride that leaves out pixels": {
    shapes: [[2, 5, 6, 8], [4, 8, 1, 1]],
    run: (_, x, w) => conv2d(x!, w!, { stride: 2 }),
    spared: 3,
  },
  "layerNorm": {
    shapes: [[70, 20], [20], [20]],
    run: (_, x, gamma, beta) => layerNorm(x!, gamma!, beta!, 1e-5),
    spared: 5,
  },
  "batchNorm": { shapes: [[70, 20], [20], [20]], run: normaliseBatch, spared: 5 },
  "add, broadcast": { shapes: [[6, 5, 4], [1, 5, 4]], run: (_, a, b) => add(a!, b!), spared: 2 },
  "sub, broadcast": { shapes: [[6, 5], [6, 1]], run: (_, a, b) => sub(a!, b!), spared: 2 },
  "slice": { shapes: [[4, 9, 8]], run: (_, x) => slice(x!, 1, 2, 5), spared: 1 },
  "slice, odd": { shapes: [[4, 9, 7]], run: (_, x) => slice(x!, 2, 2, 5), spared: 1 },
  "concat": { shapes: [[4, 3, 8], [4, 1, 8]], run: (_, a, b) => concat([a!, b!], 1), spared: 2 },
  "gatherRows": {
    shapes: [[9, 12]],
    run: (gpu, x) =>
      gatherRows(x!, indices(gpu, Uint32Array.of(3, 3, 0, 8, 3, 1), [2, 3], { rows: 9, ignore: 1 })),
    spared: 2,
  },
};

const random = generator(11);
const draw = (size: number) => Float32Array.from({ length: size }, () => 2 * random() - 1);

/** Differentiates a case, weighing its results by numbers of their own in every pass; gives the dispatches it took. */
function differentiate({ run }: Case, gpu: Gpu, leaves: readonly Tensor[], pass: number): number {
  const before = gpu.dispatches;
  scope(() => {
    const y = run(gpu, ...leaves);
    const seed = Float32Array.from({ length: y.size }, (_, i) => Math.sin(i * pass) + pass);
    backward(y, Tensor.from(gpu, seed, y.shape));
    return leaves.map(({ grad }) => grad); // for the scope to keep
  });
  return gpu.dispatches - before;
}

const PLANS = { "its own": await openTestGpu(), "a GPU's": await Gpu.open("auto", { adapterClass: "gpu" }) };

for (const [plan, gpu] of Object.entries(PLANS)) {
  for (const [name, one] of Object.entries(CASES)) {
    Deno.test(`${name} adds to gradients in place, bit for bit what adding afterwards gives (by ${plan} plans)`, async () => {
      const inputs = one.shapes.map((shape) => draw(sizeOf(shape)));
      const [both, first, second] = [1, 2, 3].map(() =>
        inputs.map((data, i) => Tensor.from(gpu, data, one.shapes[i]!, true))
      ) as [Tensor[], Tensor[], Tensor[]];
      const fresh = differentiate(one, gpu, first, 1);
      differentiate(one, gpu, second, 2);
      differentiate(one, gpu, both, 1);
      const again = differentiate(one, gpu, both, 2);
      assert.equal(again, fresh + one.shapes.length - one.spared);
      for (const [i, { grad }] of both.entries()) {
        accumulate(first[i]!.grad!, second[i]!.grad!);
        const expected = await first[i]!.grad!.read();
        assert.ok(expected.some((x) => x !== 0));
        assert.deepEqual(await grad!.read(), expected, `input ${i}`);
      }
      for (const leaf of [...both, ...first, ...second]) {
        leaf.grad!.dispose();
        leaf.dispose();
      }
    });
  }
}

/** Parameters of ops that add to the gradient of what they take. */
const INNER: Record<
  string,
  { shapes: readonly Shape[]; run: (x: Tensor, ...parameters: Tensor[]) => Tensor }
> = {
  "linear": { shapes: [[8, 8], [8]], run: (x, w, b) => linear(x, w!, b) },
  "layerNorm": { shapes: [[8], [8]], run: (x, gamma, beta) => layerNorm(x, gamma!, beta!, 1e-5) },
};

for (const [name, { shapes, run }] of Object.entries(INNER)) {
  Deno.test(`${name} adds in place to gradients between ops, but not where others read the memory`, async () => {
    const gpu = PLANS["its own"];
    const [data, weights] = [draw(40), draw(40)];
    const leaf = () => Tensor.from(gpu, data, [5, 8], true);
    const parameters = shapes.map((shape) => Tensor.from(gpu, draw(sizeOf(shape)), shape));
    const seed = Tensor.from(gpu, weights, [5, 8]);
    /** Last recorded, first differentiated: h and `other` share a gradient when that of the op is added. */
    const differentiate = (h: Tensor, inFirst: Tensor, inSecond: Tensor, other: Tensor) => {
      const [first, second] = [run(inFirst, ...parameters), run(inSecond, ...parameters)];
      const y = add(add(add(h, other), first), second);
      const before = gpu.dispatches;
      backward(y, seed);
      return gpu.dispatches - before;
    };
    const [x, z, ...apart] = Array.from({ length: 6 }, leaf) as [Tensor, Tensor, ...Tensor[]];
    const dispatches = scope(() => {
      const [h, other] = [scale(x, 1), scale(z, 1)];
      return [differentiate(h, h, h, other), x.grad, z.grad] as const;
    })[0];
    const dispatchesApart = scope(() => {
      const [h, first, second, other] = apart as [Tensor, Tensor, Tensor, Tensor];
      const count = differentiate(h, first, second, other);
      accumulate(h.grad!, second.grad!);
      accumulate(h.grad!, first.grad!);
      return [count, apart.map(({ grad }) => grad)] as const;
    })[0];
    // Together: two scales, a copy of what is shared, one gradient added to it, the other in place. Apart: two copies.
    assert.equal(dispatches, dispatchesApart + 2);
    assert.deepEqual(await x.grad!.read(), await apart[0]!.grad!.read());
    assert.deepEqual(await z.grad!.read(), weights);
    assert.deepEqual(await seed.read(), weights);
    for (const { grad } of [x, z, ...apart]) grad!.dispose();
    for (const tensor of [x, z, ...apart, ...parameters, seed]) tensor.dispose();
  });
}

Deno.test("accumulate() reaches every element of tensors beyond the binding limit", async () => {
  const small = await Gpu.open("auto", { limits: { maxStorageBufferBindingSize: 2 ** 16 } });
  try {
    const size = 16_637; // 253 elements in the second range, one beyond whole vec4s
    const [into, addend] = [1, 2].map((value) =>
      Tensor.from(small, new Float32Array(size).fill(value), [size])
    ) as [Tensor, Tensor];
    accumulate(into, addend);
    assert.equal((await into.read()).findIndex((value) => value !== 3), -1);
  } finally {
    small.destroy();
  }
});
