/** Parameters: names, layout in flat arrays, initial values, freezing, f16 copies. */
import assert from "node:assert/strict";
import { Gpu } from "../../src/gpu/gpu.ts";
import { Embedding } from "../../src/nn/embedding.ts";
import { normal, ones, xavierNormal, zeros } from "../../src/nn/initializers.ts";
import { LayerNorm } from "../../src/nn/layer_norm.ts";
import { Linear } from "../../src/nn/linear.ts";
import { ALIGNMENT } from "../../src/nn/flat_arrays.ts";
import { Parameters } from "../../src/nn/parameters.ts";
import { Adam } from "../../src/optim/adam.ts";
import { backward } from "../../src/ops/backward.ts";
import { cast } from "../../src/ops/cast.ts";
import { indices } from "../../src/ops/indices.ts";
import { linear } from "../../src/ops/matmul.ts";
import { mul } from "../../src/ops/arithmetic.ts";
import { full } from "../../src/ops/fill.ts";
import { sum } from "../../src/ops/reduce.ts";
import { scope } from "../../src/tensor/scope.ts";
import { openTestGpu } from "../open_gpu.ts";

const gpu = await openTestGpu();

/** Parameters of awkward sizes under nested names. */
function declare(): Parameters {
  const parameters = new Parameters();
  const layer = parameters.root.at("encoder").at("layer.0");
  layer.parameter("weight", [3, 50], normal(1));
  layer.parameter("bias", [3], zeros);
  parameters.root.parameter("gain", [65], ones);
  return parameters;
}

Deno.test("parameters have the names of their place, in the order declared", () => {
  const parameters = declare();
  assert.deepEqual(
    [...parameters].map(({ name }) => name),
    ["encoder.layer.0.weight", "encoder.layer.0.bias", "gain"],
  );
  assert.equal(parameters.count, 3 * 50 + 3 + 65);
  assert.throws(() => parameters.root.parameter("gain", [1], zeros), /"gain": it exists/);
  assert.throws(() => parameters.get("gain").value, /its memory is not allocated yet/);
  assert.throws(() => parameters.get("loss"), /Cannot find parameter "loss"/);
  parameters.allocate(gpu, 0);
  assert.throws(() => parameters.root.parameter("late", [1], zeros), /memory is allocated already/);
  assert.throws(() => parameters.allocate(gpu, 0), /twice/);
  assert.throws(() => parameters.write("gain", new Float32Array(64)), /64 values into "gain" of \[65\]/);
  parameters.dispose();
});

Deno.test("parameters lie in flat arrays, whose values and gradients are theirs", async () => {
  const live = gpu.memory.live;
  const parameters = declare();
  parameters.allocate(gpu, 0);
  const [array, ...others] = parameters.arrays;
  assert.equal(others.length, 0);
  assert.deepEqual(array!.members.map(({ start }) => start), [0, 3 * ALIGNMENT, 4 * ALIGNMENT]);
  parameters.write("gain", Float32Array.from({ length: 65 }, (_, i) => i));
  scope(() => {
    const { value } = parameters.get("gain");
    for (let i = 0; i < 2; i++) backward(sum(mul(value, value))); // gradients add up
  });
  const { start } = array!.members[2]!;
  const [values, grads] = [await array!.values.read(), await array!.grads.read()];
  assert.deepEqual([...values.subarray(start, start + 65)], Array.from({ length: 65 }, (_, i) => i));
  assert.deepEqual([...grads.subarray(start, start + 65)], Array.from({ length: 65 }, (_, i) => 4 * i));
  parameters.zeroGrad();
  assert.ok((await array!.grads.read()).every((g) => g === 0));
  parameters.dispose();
  assert.equal(gpu.memory.live, live, "bytes left behind");
});

Deno.test("arrays respect the adapter's binding limit, a larger parameter has one to itself", async () => {
  const small = await Gpu.open("auto", { limits: { maxStorageBufferBindingSize: 2 ** 16 } });
  try {
    const parameters = new Parameters();
    for (const [name, size] of Object.entries({ a: 10_000, b: 6_000, c: 500, d: 40_000, e: 3 })) {
      parameters.root.parameter(name, [size], ones);
    }
    parameters.allocate(small, 0);
    const names = parameters.arrays.map(({ members }) =>
      members.map(({ parameter }) => parameter.name).join()
    );
    assert.deepEqual(names, ["a,b", "c", "d", "e"]);
    small.write(parameters.get("d").grad, new Float32Array(40_000).fill(3));
    parameters.zeroGrad();
    assert.ok((await parameters.get("d").grad.read()).every((g) => g === 0));
    assert.ok([...await parameters.read()].every(([, values]) => values.every((value) => value === 1)));
  } finally {
    small.destroy();
  }
});

Deno.test("initialisers draw what they say, by seed and name", async () => {
  const draw = async (seed: number) => {
    const parameters = new Parameters();
    new Linear(parameters.root.at("a"), 200, 100, { initializer: xavierNormal });
    new Linear(parameters.root.at("b"), 200, 100, { initializer: normal(0.02), bias: false });
    new LayerNorm(parameters.root.at("norm"), 8, 1e-5);
    new Embedding(parameters.root.at("words"), 50, 16, { std: 0.5, padding: 1 });
    parameters.allocate(gpu, seed);
    const values = await parameters.read();
    parameters.dispose();
    return values;
  };
  const [first, again, other] = [await draw(1), await draw(1), await draw(2)];
  assert.deepEqual(first, again);
  const moments = (values: Float32Array) => {
    const mean = values.reduce((a, b) => a + b) / values.length;
    const at = (power: number) => values.reduce((a, b) => a + (b - mean) ** power, 0) / values.length;
    return { mean, std: Math.sqrt(at(2)), kurtosis: at(4) / at(2) ** 2 };
  };
  for (const [name, std] of [["a.weight", Math.sqrt(2 / 300)], ["b.weight", 0.02]] as const) {
    const found = moments(first.get(name)!);
    assert.ok(Math.abs(found.mean) < 5 * std / Math.sqrt(20_000), `${name}: mean ${found.mean}`);
    assert.ok(Math.abs(found.std / std - 1) < 0.03, `${name}: std ${found.std}`);
    assert.ok(Math.abs(found.kurtosis - 3) < 0.2, `${name}: kurtosis ${found.kurtosis}`);
    assert.notDeepEqual(first.get(name), other.get(name));
  }
  const correlation =
    first.get("a.weight")!.reduce((total, a, i) => total + a * first.get("b.weight")![i]!, 0) /
    (20_000 * 0.02 * Math.sqrt(2 / 300));
  assert.ok(Math.abs(correlation) < 0.04, `two names correlate: ${correlation}`);
  assert.ok(!first.has("b.bias"));
  assert.ok(first.get("a.bias")!.every((value) => value === 0));
  assert.ok(first.get("norm.weight")!.every((value) => value === 1));
  const words = first.get("words.weight")!;
  assert.ok(words.subarray(16, 32).every((value) => value === 0), "padding starts at zero");
  assert.ok(words.subarray(0, 16).every((value) => value !== 0));
});

Deno.test("no two parameters draw a stretch of the same numbers", () => {
  // Counters of 32 bits run into each other's stretches; what is drawn there must differ all the same.
  const seen = new Set<number>();
  const size = 4000;
  let repeated = 0;
  for (let parameter = 0; parameter < 100; parameter++) {
    const values = new Float32Array(size);
    normal(1)(values, [size], `0/layer.${parameter}.weight`);
    for (let i = 0; i + 1 < size; i += 2) {
      const pair = Math.round(values[i]! * 2 ** 21) * 2 ** 26 + Math.round(values[i + 1]! * 2 ** 21);
      if (seen.has(pair)) repeated++;
      seen.add(pair);
    }
  }
  assert.ok(repeated < 3, `${repeated} pairs of 200,000 occur twice`);
});

Deno.test("constants are on the device whatever is loaded, and neither learned nor in any file", async () => {
  const parameters = new Parameters();
  const path = parameters.root.at("layer");
  path.parameter("weight", [2], normal(1));
  const table = path.constant("table", [3], Float32Array.of(1, 2, 3));
  parameters.allocate(gpu, 0, () => true);
  assert.deepEqual([...parameters].map(({ name }) => name), ["layer.weight"]);
  assert.deepEqual([...parameters.state()].map(({ name }) => name), ["layer.weight"]);
  assert.deepEqual([...(await parameters.read()).keys()], ["layer.weight"]);
  assert.deepEqual(await table.value.read(), Float32Array.of(1, 2, 3));
  assert.equal(table.value.requiresGrad, false);
  parameters.dispose();
});

Deno.test("an embedding gathers rows, and gives the first ones without numbers", async () => {
  const parameters = new Parameters();
  const table = new Embedding(parameters.root, 5, 4, { std: 1 });
  parameters.allocate(gpu, 3);
  const { gathered, first } = scope(() => ({
    gathered: table.forward(indices(gpu, Uint32Array.of(0, 1, 2, 1), [2, 2], { rows: 5 })),
    first: table.first(3),
  }));
  const [a, b] = [await gathered.read(), await first.read()];
  assert.deepEqual(gathered.shape, [2, 2, 4]);
  assert.deepEqual([...a.subarray(0, 12)], [...b]);
  assert.deepEqual([...a.subarray(12)], [...b.subarray(4, 8)]);
});

Deno.test({
  name: "operands have a copy in f16 that follows their values, and one gradient in f32",
  ignore: !gpu.features.has("shader-f16"),
  async fn() {
    const live = gpu.memory.live;
    const parameters = new Parameters();
    const names = ["a", "b", "c", "frozen"] as const;
    for (const name of names) {
      parameters.root.parameter(name, [13, 13], normal(1), { isOperand: name !== "c" });
    }
    parameters.freeze((name) => name === "frozen");
    parameters.allocate(gpu, 0, undefined, true);
    const agree = async () => {
      for (const name of ["a", "b", "frozen"]) {
        const { value, half } = parameters.get(name);
        const [values, copied] = [await value.read(), await half.read()];
        assert.equal(half.dtype, "f16");
        assert.ok(copied.every((x, i) => x === Math.f16round(values[i]!)), name);
      }
    };
    await agree();
    const before = await parameters.get("a").half.read();
    parameters.write("b", new Float32Array(169).fill(1 / 3));
    parameters.write("frozen", new Float32Array(169).fill(-1 / 3));
    await agree();

    const { value, half, grad } = parameters.get("a");
    assert.equal(half.grad, grad);
    assert.equal(grad.dtype, "f32");
    for (const [dtype, weight] of [["f16", half], ["f32", value]] as const) {
      scope(() => backward(sum(cast(linear(full(gpu, [4, 13], 0.5, dtype), weight), "f32"))));
    }
    assert.ok((await grad.read()).every((g) => g === 4)); // 4 · 0.5 by either
    const groups = { all: { learningRate: 0.1, weightDecay: 0 } };
    const optimizer = new Adam(parameters, { groups, groupOf: () => "all" });
    optimizer.step();
    await agree();
    const after = await parameters.get("a").half.read();
    assert.ok(after.every((x, i) => x !== before[i]));

    assert.throws(() => parameters.get("c").half, /"c" in f16: it is kept in f32 alone/);
    optimizer.dispose();
    parameters.dispose();
    assert.ok(gpu.memory.live <= live); // less where backward dropped what tests before had left recorded
  },
});
