// Training on a device that has no more than WebGPU's default limits, which it enforces.
import assert from "node:assert/strict";
import { DEFAULT_LIMITS } from "../../src/gpu/adapter.ts";
import { Gpu } from "../../src/gpu/gpu.ts";
import { RunFolder } from "../../src/runs/run_folder.ts";
import { evaluateBest } from "../../src/train/evaluate_best.ts";
import { Learner } from "../../src/train/learner.ts";
import { train } from "../../src/train/trainer.ts";
import { silent, tinyConfig, tinyData } from "./tiny.ts";

const data = tinyData({ train: 20, validation: 8, test: 8 });

Deno.test("training needs no more than the default limits", async () => {
  const gpu = await Gpu.open("auto", { limits: DEFAULT_LIMITS });
  const folder = Deno.makeTempDirSync();
  const run = RunFolder.create(folder, tinyConfig("training.epochs=1"));
  const learner = new Learner(gpu, run.config, data);
  await train({ learner, data, run, observer: silent() });
  const { evaluation } = await evaluateBest({ model: learner, data, run }, "test");
  assert.ok(Number.isFinite(evaluation.loss.fusion));
  gpu.destroy();
  Deno.removeSync(folder, { recursive: true });
});
