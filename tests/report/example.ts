/** A finished run of the tiny model on the tiny data, without the training: what a report can show of it. */
import { join } from "node:path";
import type { Dataset } from "../../src/data/dataset.ts";
import { evaluate, predict } from "../../src/train/evaluation.ts";
import { predictionsCsv } from "../../src/runs/predictions.ts";
import { Learner } from "../../src/train/learner.ts";
import type { EpochRecord } from "../../src/runs/records.ts";
import { RunFolder } from "../../src/runs/run_folder.ts";
import { openTestGpu } from "../open_gpu.ts";
import { tinyConfig, tinyData } from "../train/tiny.ts";

export const data = tinyData({ train: 16, validation: 4, test: 30 });

export function exampleRecord(epoch: number, lift = 0): EpochRecord {
  const accuracy = { image: 0.4 + lift, text: 0.5, fusion: 0.6 + 0.05 * epoch };
  const positive = 0.25 + lift;
  const pairs = { "image-text": { positive, semi_positive: 0.5, negative: 0.5 - positive } };
  const loss = { image: 1.5 / epoch, text: 1.25 / epoch, fusion: 1 / epoch };
  return {
    epoch,
    step: 2 * epoch,
    training_loss: { total: 4 / epoch, ...loss, contrast: 0.5 },
    training_accuracy: accuracy,
    pairs,
    validation_loss: loss,
    validation_accuracy: accuracy,
    validation_pairs: pairs,
    learning_rates: { image: 0.01, text: 0.01, heads: 0.001 },
    seconds: 2,
  };
}

/** Makes the run in a new folder below `parent`, and gives its path and its learner, which the caller disposes of. */
export async function exampleRun(
  parent: string,
  name: string,
  { lift = 0, settings = [], of = data }: { lift?: number; settings?: string[]; of?: Dataset } = {},
): Promise<{ path: string; learner: Learner }> {
  const config = tinyConfig(...settings);
  const path = join(parent, name);
  const run = RunFolder.create(path, config);
  const learner = new Learner(await openTestGpu(), config, of);
  run.checkpoints.saveBest(await learner.readWeights(), 2, 0.5);
  for (const epoch of [1, 2, 3]) run.appendRecord(exampleRecord(epoch, lift));
  const predictions = await predict(learner, of, "test");
  run.writeResults(evaluate(predictions, 2, learner.pairs), predictionsCsv(predictions, of));
  run.writeSession({
    started: "2026-01-01T00:00:00Z",
    adapter: "x <b>",
    adapter_class: "software",
    seconds: 9,
  });
  return { path, learner };
}

/** A folder that is there while `body` runs. */
export async function inFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = Deno.makeTempDirSync();
  try {
    await body(folder);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}
