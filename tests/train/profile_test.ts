import assert from "node:assert/strict";
import { profileLines } from "../../src/report/profile.ts";
import { Learner } from "../../src/train/learner.ts";
import { perKernel, profileTraining } from "../../src/train/profile.ts";
import { openTestGpu } from "../open_gpu.ts";
import { tinyConfig, tinyData } from "./tiny.ts";

const time = (label: string, shape: string, milliseconds: number, copying = 0) => ({
  label,
  shape,
  milliseconds,
  copying,
  operations: 10 * milliseconds,
  bytes: 8,
});

Deno.test("perKernel() gives means per step of each kernel and shape, most time first", () => {
  const times = [time("a", "1", 4), time("b", "", 20), time("a", "1", 6, 2), time("a", "2", 2)];
  assert.deepEqual(
    perKernel(times, 2).map((kernel) => Object.values(kernel)),
    [
      ["b", "", 0.5, 10, 0, 100, 4],
      ["a", "1", 1, 5, 1, 50, 8],
      ["a", "2", 0.5, 1, 0, 10, 4],
    ],
  );
});

Deno.test("profileTraining() accounts for the dispatches of a step, and its table for the time", async () => {
  const gpu = await openTestGpu();
  const data = tinyData({ train: 20, validation: 3, test: 3 });
  const learner = new Learner(gpu, tinyConfig("training.epochs=3"), data);
  try {
    // Two to warm up, four as always, four with times: of two in an epoch, the second shorter.
    const profile = await profileTraining(learner, data, 4);
    const sum = (of: (kernel: (typeof profile.kernels)[number]) => number) =>
      profile.kernels.reduce((total, kernel) => total + of(kernel), 0);
    const near = (a: number, b: number) => Math.abs(a - b) <= 1e-9 * Math.abs(b);
    assert.ok(near(sum(({ calls }) => calls), profile.dispatches), "calls");
    assert.ok(near(sum((k) => k.milliseconds + k.copying_milliseconds), profile.kernel_milliseconds), "time");
    assert.ok(profile.product_milliseconds > 0);
    assert.ok(profile.product_milliseconds < profile.kernel_milliseconds);
    assert.ok(profile.host_milliseconds > 0 && profile.host_milliseconds < profile.step_milliseconds);
    assert.ok(profile.memory.peak_held >= profile.memory.peak_live);
    const adam = profile.kernels.find(({ kernel }) => kernel.startsWith("adam."))!;
    assert.equal(adam.calls, 1);
    assert.deepEqual(profile, JSON.parse(JSON.stringify(profile)));

    const lines = profileLines(profile);
    assert.ok(lines[0]!.includes(gpu.name));
    const start = lines.findIndex((line) => line.startsWith("kernel "));
    const table = lines.slice(start + 2, lines.indexOf("", start));
    assert.equal(table.length, new Set(profile.kernels.map(({ kernel }) => kernel)).size);
    const shares = table.map((line) => Number(line.match(/([\d.]+) %/)![1]));
    const all = shares.reduce((a, b) => a + b, 0);
    assert.ok(all > 95 && all < 105, `shares add up to ${all} %`);
    assert.deepEqual(shares, shares.toSorted((a, b) => b - a));

    const toldOf = (milliseconds: number) => {
      const call = { ...adam, shape: "3×4", calls: 2, milliseconds };
      return profileLines({ ...profile, kernels: [call] }).filter((line) => line.startsWith("Long"));
    };
    assert.deepEqual(toldOf(399), []);
    assert.match(toldOf(802).join(), /a call of adam\.\S+ 3×4 takes 401 ms\./);
  } finally {
    learner.dispose();
  }
});
