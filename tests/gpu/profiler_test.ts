/** Profiling: times of dispatches, and that it changes nothing else. */
import assert from "node:assert/strict";
import { Gpu } from "../../src/gpu/gpu.ts";
import { matmul } from "../../src/ops/matmul.ts";
import { full } from "../../src/ops/fill.ts";
import { transpose } from "../../src/ops/shape.ts";
import { sum } from "../../src/ops/reduce.ts";
import { measureCeilings } from "../../src/ops/ceilings.ts";
import { scope } from "../../src/tensor/scope.ts";
import { openTestGpu } from "../open_gpu.ts";

/** What encoders inherit from; other implementations of WebGPU than Deno's have classes of their own. */
const device = await (await navigator.gpu.requestAdapter())!.requestDevice();
const encoders: GPUCommandEncoder = Object.getPrototypeOf(device.createCommandEncoder());
device.destroy();

/** Counts the passes that `body` begins, and those of them that are timed. */
async function passesOf(body: () => Promise<void>): Promise<{ all: number; timed: number }> {
  const { beginComputePass } = encoders;
  const passes = { all: 0, timed: 0 };
  encoders.beginComputePass = function (descriptor) {
    passes.all++;
    if (descriptor?.timestampWrites) passes.timed++;
    return beginComputePass.call(this, descriptor);
  };
  try {
    await body();
  } finally {
    encoders.beginComputePass = beginComputePass;
  }
  return passes;
}

Deno.test("every dispatch is timed, across submissions, and their sum is the time that passes", async () => {
  const gpu = await openTestGpu();
  const x = full(gpu, [64, 48], 0.5);
  const w = full(gpu, [48, 80], 0.25);
  const body = () => scope(() => void sum(matmul(x, w), { axes: [1] }));
  body();
  await gpu.finish();
  gpu.startProfiling();
  const [start, before] = [performance.now(), gpu.dispatches];
  for (let i = 0; i < 150; i++) body();
  await gpu.finish();
  const wall = performance.now() - start;
  const times = await gpu.stopProfiling();
  assert.equal(times.length, 300);
  assert.equal(gpu.dispatches - before, 300);
  for (const [i, { label, shape, milliseconds, copying, operations, bytes }] of times.entries()) {
    const isProduct = i % 2 === 0;
    assert.match(label, isProduct ? /^matmul.*\.forward$/ : /^sum\.rows$/);
    assert.ok(milliseconds > 0 && milliseconds < wall, `${label} took ${milliseconds} of ${wall} ms`);
    assert.ok(copying >= 0 && (isProduct || copying === 0));
    assert.equal(operations, isProduct ? 2 * 64 * 80 * 48 : 0);
    assert.equal(bytes, 4 * (isProduct ? 64 * 48 + 48 * 80 + 64 * 80 : 64 * 80 + 64));
    if (isProduct) assert.match(shape, /^64×.* NN/);
  }
  const spent = times.reduce((total, { milliseconds, copying }) => total + milliseconds + copying, 0);
  assert.ok(spent > 0.1 * wall && spent < 1.05 * wall, `${spent} ms in all, ${wall} ms passed`);
  for (const tensor of [x, w]) tensor.dispose();
});

Deno.test("profiling changes no result, and a device that is not profiled works in few passes", async () => {
  const gpu = await Gpu.open();
  const x = full(gpu, [5, 12], 0.5);
  await gpu.finish();
  const run = () => scope(() => transpose(transpose(transpose(x)))).read();
  const results: unknown[] = [];
  await run(); // what is compiled is submitted at once
  const plain = await passesOf(async () => void results.push(await run()));
  gpu.startProfiling();
  const timed = await passesOf(async () => void results.push(await run()));
  assert.equal((await gpu.stopProfiling()).length, 3);
  const again = await passesOf(async () => void results.push(await run()));
  assert.deepEqual([plain, timed], [{ all: 1, timed: 0 }, { all: 3, timed: 3 }]);
  assert.equal(again.timed, 0);
  assert.deepEqual(results[1], results[0]);
  assert.deepEqual(results[2], results[0]);
  gpu.destroy();
});

Deno.test("stopProfiling() without a start tells nothing", async () => {
  assert.deepEqual(await (await openTestGpu()).stopProfiling(), []);
});

Deno.test("startProfiling() refuses to begin twice, and loses no times by it", async () => {
  const gpu = await openTestGpu();
  gpu.startProfiling();
  const x = full(gpu, [5, 12], 0.5);
  assert.throws(() => gpu.startProfiling(), /stopProfiling\(\) has not ended/);
  assert.equal((await gpu.stopProfiling()).length, 1);
  gpu.startProfiling();
  assert.deepEqual(await gpu.stopProfiling(), []);
  x.dispose();
});

Deno.test("measureCeilings() finds rates that adapters have", async () => {
  const gpu = await Gpu.open();
  const { f32, f16, bytes } = await measureCeilings(gpu);
  for (const rate of [f32, bytes, ...(gpu.features.has("shader-f16") ? [f16!] : [])]) {
    assert.ok(rate > 1e7 && rate < 1e15, `${rate} a second`);
  }
  gpu.destroy();
});
