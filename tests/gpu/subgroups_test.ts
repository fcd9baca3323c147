/** Subgroups: found by trying, and the same results with and without. */
import assert from "node:assert/strict";
import { Gpu } from "../../src/gpu/gpu.ts";
import { backendOf } from "../../src/gpu/backend.ts";
import { isOneSubgroup, lanesInOrder } from "../../src/gpu/subgroups.ts";
import { layerNorm } from "../../src/ops/layer_norm.ts";
import { max, sum } from "../../src/ops/reduce.ts";
import { softmax } from "../../src/ops/softmax.ts";
import { noGrad } from "../../src/tensor/tape.ts";
import { readTensors, Tensor } from "../../src/tensor/tensor.ts";

Deno.test("isOneSubgroup() goes by what a device computes, for one number of lanes at most", async () => {
  const backend = backendOf(navigator.gpu);
  const without = await (await navigator.gpu.requestAdapter())!.requestDevice();
  assert.equal(await isOneSubgroup(without, 8, backend), false);
  without.destroy();
  const adapter = (await navigator.gpu.requestAdapter())!; // one device an adapter is what the specification allows
  const device = await adapter.requestDevice({ requiredFeatures: ["subgroups"] }).catch(() => undefined);
  if (!device) return; // an adapter that has none
  const right: number[] = [];
  for (const lanes of [2, 4, 8, 16, 32, 64]) {
    if (await isOneSubgroup(device, lanes, backend)) right.push(lanes);
  }
  assert.ok(right.length <= 1, `workgroups of ${right.join(" and of ")} lanes cannot both be one subgroup`);
  const { subgroupMinSize: least, subgroupMaxSize: most } = adapter.info;
  if (least === most) assert.deepEqual(right, [least], "the adapter has subgroups of one size");
  device.destroy();
});

Deno.test("lanesInOrder() goes by what a device computes, and by the least subgroup of the adapter", async () => {
  const backend = backendOf(navigator.gpu);
  const adapter = (await navigator.gpu.requestAdapter())!;
  const device = await adapter.requestDevice({ requiredFeatures: ["subgroups"] }).catch(() => undefined);
  if (!device) return; // an adapter that has none
  const { subgroupMinSize } = adapter.info;
  const lanes = (least: number, wanted: "tested" | "listed" = "tested") =>
    lanesInOrder(device, { subgroupMinSize: least }, backend, wanted);
  assert.equal(await lanes(subgroupMinSize), Math.min(64, subgroupMinSize));
  assert.equal(await lanes(subgroupMinSize / 2), subgroupMinSize / 2);
  assert.equal(await lanes(1), 0);
  const { subgroupMaxSize } = adapter.info;
  assert.equal(await lanes(128), Math.min(64, subgroupMaxSize), "the adapter has no more");
  assert.equal(await lanes(128, "listed"), 64);
  device.destroy();
});

Deno.test("row ops give the same with and without subgroups", async () => {
  const [rows, cols] = [37, 68];
  const values = Float32Array.from({ length: rows * cols }, (_, i) => Math.sin(i * i) * 3 + 0.1);
  const results: number[][][] = [];
  for (const subgroups of ["tested", "none"] as const) {
    const gpu = await Gpu.open("auto", { adapterClass: "software", subgroups });
    const x = Tensor.from(gpu, values, [rows, cols]);
    const gamma = Tensor.from(gpu, values.slice(0, cols), [cols]);
    const beta = Tensor.from(gpu, values.slice(cols, 2 * cols), [cols]);
    const tensors = noGrad(() => [
      layerNorm(x, gamma, beta, 1e-6),
      softmax(x),
      sum(x, { axes: [1] }),
      max(x, { axes: [1] }),
    ]);
    results.push((await readTensors(tensors)).map((array) => Array.from(array)));
    gpu.destroy();
  }
  const [by, without] = results as [number[][], number[][]];
  for (const [i, expected] of without.entries()) {
    const worst = Math.max(...expected.map((value, j) => Math.abs(value - by[i]![j]!)));
    assert.ok(worst < 1e-4, `result ${i} differs by ${worst}`);
  }
});
