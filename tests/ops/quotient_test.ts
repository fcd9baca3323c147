/** Division by floats gives what division of integers gives, as far as it is used, and beyond that by integers. */
import assert from "node:assert/strict";
import { defineKernel } from "../../src/gpu/kernel.ts";
import { LARGEST_QUOTIENT } from "../../src/ops/gemm_images.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { openTestGpu } from "../open_gpu.ts";
import grid from "../../wgsl/lib/grid.wgsl" with { type: "text" };
import quotient from "../../wgsl/lib/quotient.wgsl" with { type: "text" };

const entry = `
struct Params { first: u32, count: u32, d: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> y: array<u32>;

@compute @workgroup_size(64)
fn divide(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = flat_group(group, groups) * 64u + lane;
  if (i < params.count) { y[i] = quotient(params.first + i, params.d); }
}
`;
const kernel = defineKernel("divide", [quotient, grid, entry]);

/** The first number of a range whose quotient is wrong; -1 where there is none. */
async function firstWrong(first: number, count: number, d: number, isLarge: boolean): Promise<number> {
  const gpu = await openTestGpu();
  const y = Tensor.empty(gpu, [count], "u32");
  const params = { first, count, d };
  const constants = { LARGE: isLarge };
  gpu.dispatch({ kernel, entry: "divide", buffers: { y }, params, invocations: count, constants });
  const given = await y.read();
  y.dispose();
  return given.findIndex((q, i) => q !== Math.floor((first + i) / d));
}

for (const d of [1, 2, 3, 7, 49, 112, 1000, 4095, 1_048_577]) {
  Deno.test(`all whole numbers up to ${LARGEST_QUOTIENT} are divided by ${d}`, async () => {
    assert.equal(await firstWrong(0, LARGEST_QUOTIENT + 1, d, false), -1);
  });
}

Deno.test("larger numbers are divided too", async () => {
  assert.equal(await firstWrong(2 ** 31, 100_000, 7, true), -1);
});
