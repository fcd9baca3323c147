// WebGPU's default limits: what an adapter may be as small as.
import assert from "node:assert/strict";
import { DEFAULT_LIMITS, type Limits } from "../../src/gpu/adapter.ts";
import { Gpu } from "../../src/gpu/gpu.ts";
import { defineKernel } from "../../src/gpu/kernel.ts";

const names = Object.keys(DEFAULT_LIMITS) as (keyof Limits)[];

Deno.test("DEFAULT_LIMITS are those of a device that asks for none", async () => {
  const adapter = await navigator.gpu.requestAdapter();
  const device = await adapter!.requestDevice();
  for (const name of names) assert.equal(device.limits[name], DEFAULT_LIMITS[name], name);
  device.destroy();
});

Deno.test("a device of lower limits refuses what is beyond them; without, it has the adapter's own", async () => {
  const groupOf512 = defineKernel("group_of_512", [
    `
@group(0) @binding(0) var<storage, read_write> y: array<u32>;
@compute @workgroup_size(512)
fn forward(@builtin(local_invocation_index) lane: u32) { y[lane] = 1u; }
`,
  ]);
  const adapter = await navigator.gpu.requestAdapter();
  const limited = await Gpu.open("auto", { limits: DEFAULT_LIMITS });
  const whole = await Gpu.open();
  for (const name of names) {
    assert.equal(limited.limits[name], DEFAULT_LIMITS[name], name);
    assert.equal(whole.limits[name], adapter!.limits[name], name);
  }
  for (const gpu of [limited, whole]) {
    const y = { buffer: gpu.take(2048), offset: 0, bytes: 2048 };
    gpu.dispatch({ kernel: groupOf512, entry: "forward", buffers: { y }, workgroups: 1 });
    const fits = gpu.limits.maxComputeInvocationsPerWorkgroup >= 512;
    if (fits) await gpu.finish();
    else await assert.rejects(() => gpu.finish(), /workgroup/);
    gpu.destroy();
  }
});
