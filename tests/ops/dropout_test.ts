/** Dropout: the published random numbers, the fraction kept, and the mask drawn again. */
import assert from "node:assert/strict";
import { defineKernel } from "../../src/gpu/kernel.ts";
import { backward } from "../../src/ops/backward.ts";
import { dropout } from "../../src/ops/dropout.ts";
import { full } from "../../src/ops/fill.ts";
import { type RandomKey, RandomKeys } from "../../src/tensor/random.ts";
import { scope } from "../../src/tensor/scope.ts";
import { readTensors, Tensor } from "../../src/tensor/tensor.ts";
import { openTestGpu } from "../open_gpu.ts";
import { keepMask, philox } from "./philox.ts";
import philoxSource from "../../wgsl/lib/philox.wgsl" with { type: "text" };

const gpu = await openTestGpu();

/** Counter, key and result, published with Random123 (kat_vectors, philox4x32 10). */
const KNOWN: readonly (readonly (readonly number[])[])[] = [
  [[0, 0, 0, 0], [0, 0], [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]],
  [
    [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
    [0xffffffff, 0xffffffff],
    [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
  ],
  [
    [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
    [0xa4093822, 0x299f31d0],
    [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
  ],
];

const probe = defineKernel("philox", [
  philoxSource,
  `@group(0) @binding(0) var<storage, read> counters: array<vec4u>;
@group(0) @binding(1) var<storage, read> keys: array<vec2u>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4u>;
@compute @workgroup_size(1)
fn main(@builtin(workgroup_id) group: vec3u) {
  y[group.x] = philox(counters[group.x], keys[group.x]);
}`,
]);

Deno.test("Philox4x32-10 gives the published numbers, on the device and on the host", async () => {
  const flat = (part: number) => Uint32Array.from(KNOWN.flatMap((row) => row[part]!));
  const counters = Tensor.from(gpu, flat(0), [KNOWN.length, 4]);
  const keys = Tensor.from(gpu, flat(1), [KNOWN.length, 2]);
  const y = Tensor.empty(gpu, [KNOWN.length, 4], "u32");
  gpu.dispatch({
    kernel: probe,
    entry: "main",
    buffers: { counters, keys, y },
    workgroups: KNOWN.length,
  });
  assert.deepEqual(await y.read(), flat(2));
  for (const [[a, b, c, d], [k0, k1], expected] of KNOWN as [number[], number[], number[]][]) {
    assert.deepEqual(philox([a!, b!, c!, d!], [k0!, k1!]), expected);
  }
});

/** Ones through dropout, and the gradient for a seed of ones. */
async function drop(count: number, probability: number, key: RandomKey) {
  const x = full(gpu, [count], 1).view([count], { requiresGrad: true });
  const { y, grad } = scope(() => {
    const y = dropout(x, probability, key);
    backward(y);
    return { y, grad: x.grad! };
  });
  const [forward, gradient] = await readTensors([y, grad]);
  return { forward: [...forward!], gradient: [...gradient!] };
}

Deno.test("dropout() keeps its share within five standard deviations, and the mean", async () => {
  const count = 100_001;
  for (const probability of [0.1, 0.5, 0.9]) {
    const { forward } = await drop(count, probability, new RandomKeys(1, 0).next());
    const kept = forward.filter((value) => value !== 0);
    const deviation = Math.sqrt(count * probability * (1 - probability));
    assert.ok(Math.abs(kept.length - count * (1 - probability)) < 5 * deviation, `kept ${kept.length}`);
    assert.ok(kept.every((value) => Math.abs(value * (1 - probability) - 1) < 1e-6));
    const mean = forward.reduce((total, value) => total + value, 0) / count;
    assert.ok(Math.abs(mean - 1) < 5 * deviation / count / (1 - probability), `mean ${mean}`);
  }
});

Deno.test("dropout() draws the same mask backward as forward, and again from the same key only", async () => {
  const key = { key0: 5, key1: 6, layer: 7, step: 8 };
  const { forward, gradient } = await drop(1000, 0.5, key);
  assert.deepEqual(gradient, forward);
  assert.deepEqual((await drop(1000, 0.5, key)).forward, forward);
  for (const part of ["key0", "key1", "layer", "step"] as const) {
    const other = (await drop(1000, 0.5, { ...key, [part]: 9 })).forward;
    const equal = other.filter((value, i) => value === forward[i]).length;
    assert.ok(Math.abs(equal - 500) < 5 * Math.sqrt(250), `${part}: ${equal} of 1000 equal`);
  }
});

Deno.test("dropout() counts on beyond 65,535 workgroups", async () => {
  const count = 4 * 64 * 65_600 + 1;
  const key = new RandomKeys(3, 1).next();
  const y = dropout(full(gpu, [count], 1), 0.5, key);
  const values = await y.read();
  const first = count - 1 - 4 * 64 * 100;
  const expected = Float32Array.from(keepMask(count - first, 0.5, key, first), (kept) => 2 * kept);
  assert.deepEqual(values.subarray(first), expected);
});

Deno.test("dropout() refuses values out of range", () => {
  const x = full(gpu, [3], 1);
  const key = new RandomKeys(0, 0).next();
  for (const probability of [-0.1, 1, 1.5, NaN]) {
    assert.throws(() => dropout(x, probability, key), /at least 0 and below 1/);
  }
  assert.throws(() => dropout(x, 0.5, key, full(gpu, [1], 1)), /add \[1\] to \[3\]/);
});
