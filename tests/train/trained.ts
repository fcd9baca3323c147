/** A run from start to end, in a folder that is gone afterwards. */
import type { Dataset } from "../../src/data/dataset.ts";
import type { RunConfig } from "../../src/config/run_config.ts";
import { Learner } from "../../src/train/learner.ts";
import type { Observer } from "../../src/runs/records.ts";
import { RunFolder } from "../../src/runs/run_folder.ts";
import { evaluateBest } from "../../src/train/evaluate_best.ts";
import { train } from "../../src/train/trainer.ts";
import { openTestGpu } from "../open_gpu.ts";
import { silent } from "./tiny.ts";

/** Trains in a new folder; gives the records, the final state and the weights after the last step. */
export async function trained(
  config: RunConfig,
  data: Dataset,
  observer: Observer = silent(),
  started: () => void = () => {},
) {
  const folder = Deno.makeTempDirSync();
  const learner = new Learner(await openTestGpu(), config, data);
  try {
    const run = RunFolder.create(folder, config);
    const state = await train({ learner, data, run, observer, started });
    return {
      state,
      records: run.records(),
      weights: run.checkpoints.loadLast()!.weights,
      /** Of the best epoch, on the test split. */
      test: await evaluateBest({ model: learner, data, run }, "test"),
    };
  } finally {
    learner.dispose();
    Deno.removeSync(folder, { recursive: true });
  }
}

export type Weights = Awaited<ReturnType<typeof trained>>["weights"];

/** Between any two values of the same name and place. */
export function largestDifference(a: Weights, b: Weights): number {
  let largest = 0;
  for (const [name, { data }] of a) {
    data.forEach((value, i) => largest = Math.max(largest, Math.abs(value - b.get(name)!.data[i]!)));
  }
  return largest;
}
