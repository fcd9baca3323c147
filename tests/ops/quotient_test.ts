/** Division by floats gives what division of integers gives. */
import assert from "node:assert/strict";
import { defineKernel } from "../../src/gpu/kernel.ts";
import { SMALL_QUOTIENT } from "../../src/ops/gemm_images.ts";
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

const COUNT = 500_000;

/** The first number of a range whose quotient is wrong; undefined where there is none. */
async function firstWrong(first: number, d: number, isSmall: boolean): Promise<number | undefined> {
  const gpu = await openTestGpu();
  const y = Tensor.empty(gpu, [COUNT], "u32");
  const params = { first, count: COUNT, d };
  gpu.dispatch({
    kernel,
    entry: "divide",
    buffers: { y },
    params,
    invocations: COUNT,
    constants: { SMALL: isSmall },
  });
  const given = await y.read();
  y.dispose();
  const i = given.findIndex((q, i) => q !== Math.floor((first + i) / d));
  return i < 0 ? undefined : first + i;
}

for (const first of [0, SMALL_QUOTIENT + 1 - COUNT, 2 ** 24 - 250_000, 2 ** 31, 2 ** 32 - COUNT]) {
  Deno.test(`whole numbers from ${first} on are divided`, async () => {
    for (const d of [1, 2, 3, 7, 49, 112, 1000, 4095, 1_048_577, 2 ** 30 + 1]) {
      assert.equal(await firstWrong(first, d, first <= SMALL_QUOTIENT), undefined, `by ${d}`);
    }
  });
}
