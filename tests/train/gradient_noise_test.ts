/** The noise of gradients in a run: what it changes, which is nothing, and where it is refused. */
import assert from "node:assert/strict";
import { UserError } from "../../src/base/user_error.ts";
import { withSettings } from "../../src/config/run_config.ts";
import type { EpochRecord } from "../../src/runs/records.ts";
import { RunFolder } from "../../src/runs/run_folder.ts";
import { Learner } from "../../src/train/learner.ts";
import { train } from "../../src/train/trainer.ts";
import { openTestGpu } from "../open_gpu.ts";
import { silent, tinyConfig, tinyData } from "./tiny.ts";

const gpu = await openTestGpu();
const data = tinyData({ train: 42, validation: 8, test: 8 });
const config = tinyConfig("training.epochs=2");

/** The records of a run, and its weights. */
async function trained(...settings: string[]): Promise<{ records: EpochRecord[]; weights: Uint8Array }> {
  const folder = Deno.makeTempDirSync();
  const run = RunFolder.create(folder, withSettings(config, settings));
  const learner = new Learner(gpu, run.config, data);
  try {
    await train({ learner, data, run, observer: silent() });
    return { records: run.records(), weights: Deno.readFileSync(`${folder}/checkpoints/last.safetensors`) };
  } finally {
    learner.dispose();
    Deno.removeSync(folder, { recursive: true });
  }
}

Deno.test("a run that measures the noise of gradients trains to the same bits", async () => {
  const [plain, measured] = [await trained(), await trained("training.gradient_noise=1")];
  assert.deepEqual(measured.weights, plain.weights);
  assert.ok(plain.records.every((record) => !("gradient_noise" in record)));
  const scales = measured.records.flatMap(({ gradient_noise }) => gradient_noise ?? []);
  assert.ok(scales.length > 0 && scales.every((scale) => scale > 0), `${scales}`);
});

Deno.test("noise is not measured where a step is one micro-batch", () => {
  const learner = new Learner(
    gpu,
    withSettings(config, ["training.gradient_noise=1", "training.batch=8"]),
    data,
  );
  assert.throws(
    () => learner.mustBeTrainable(data),
    (error: Error) =>
      error instanceof UserError &&
      /"training\.gradient_noise" must be 0 where "training\.micro_batch" is as large/.test(error.message),
  );
  learner.dispose();
});
