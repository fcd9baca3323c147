// What a device tells late: that it is lost, and that it has no memory left.
import assert from "node:assert/strict";
import { DeviceLost, OutOfMemory } from "../../src/gpu/device_errors.ts";
import { Gpu } from "../../src/gpu/gpu.ts";
import { full } from "../../src/ops/fill.ts";
import { sum } from "../../src/ops/reduce.ts";
import { OpenedDevices } from "./opened_devices.ts";

Deno.test("a device that is lost is told by every wait for it, and not if it was ended on purpose", async () => {
  using opened = new OpenedDevices();
  const gpu = await Gpu.open();
  const x = full(gpu, [1000], 2);
  assert.equal((await sum(x).read())[0], 2000);
  opened.loseLast();
  for (const wait of [() => sum(x).read(), () => gpu.finish(), () => gpu.finish(), () => x.read()]) {
    await assert.rejects(
      wait,
      (error) => error instanceof DeviceLost && /^The device was lost: \S/.test(error.message),
    );
  }
  gpu.destroy();

  const ended = await Gpu.open();
  ended.destroy();
  await opened.devices.at(-1)!.lost;
  await ended.finish();
});

Deno.test("a device that is lost while it works is told by the read that waits", async () => {
  using opened = new OpenedDevices();
  const gpu = await Gpu.open();
  const read = sum(full(gpu, [1 << 20], 1)).read();
  opened.loseLast();
  await assert.rejects(read, DeviceLost);
  gpu.destroy();
});

Deno.test("a device that is lost while it is profiled is told by stopProfiling()", async () => {
  using opened = new OpenedDevices();
  const gpu = await Gpu.open();
  gpu.startProfiling();
  full(gpu, [100], 1);
  gpu.flush();
  opened.loseLast();
  await assert.rejects(() => gpu.stopProfiling(), DeviceLost);
  gpu.destroy();
});

Deno.test("another device can be opened after one was lost", async () => {
  using opened = new OpenedDevices();
  (await Gpu.open()).flush();
  opened.loseLast();
  const gpu = await Gpu.open();
  assert.equal((await sum(full(gpu, [10], 1)).read())[0], 10);
  gpu.destroy();
});

Deno.test("a buffer that there is no memory for is told by its size at the next wait, once", async () => {
  using opened = new OpenedDevices();
  const gpu = await Gpu.open();
  const x = full(gpu, [1 << 20], 1);
  assert.equal((await sum(x).read())[0], 1 << 20);
  const { held } = gpu.memory;
  opened.memoryEndsAt = opened.allocations;
  full(gpu, [3 << 20], 1).dispose();
  await assert.rejects(
    () => gpu.finish(),
    (error) => error instanceof OutOfMemory && error.asked === 12 << 20 && error.held === held,
  );
  await gpu.finish();
  opened.memoryEndsAt = Infinity;
  assert.equal((await sum(x).read())[0], 1 << 20);
  gpu.destroy();
});

Deno.test("a device that has no memory to find out what it can do is not opened: it would compute other bits", async () => {
  using opened = new OpenedDevices();
  const gpu = await Gpu.open();
  gpu.destroy();
  if (gpu.subgroup === 0) return;
  for (const number of [0, 1]) {
    opened.memoryEndsAt = opened.allocations + number;
    opened.memoryComesBackAt = opened.memoryEndsAt + 1;
    await assert.rejects(() => Gpu.open(), OutOfMemory);
  }
  assert.equal((await Gpu.open()).subgroup, gpu.subgroup);
});
