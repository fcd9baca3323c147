/** A training of hours, for what becomes of ranks that are disturbed: of so small a model that it costs little to begin. */
import { join } from "node:path";
import { featuresExperiment, writeFeatures } from "../experiments/features.ts";
import { eventually, type Job } from "./jobs.ts";

/** What trains on the first of two matrices, which are written to `folder/data`, and saves each step at `folder/name`. */
export function longTraining(folder: string, name: string): string[] {
  const data = join(folder, "data");
  writeFeatures(data);
  const { "model.encoders": encoders } = featuresExperiment(data).set;
  return [
    ...["train", "--data", `features:${data}`, "--method", "view1", "--out", join(folder, name)],
    ...["--set", `model.encoders=${JSON.stringify(encoders)}`, "model.head.hidden_size=8"],
    ...["training.epochs=5000", "training.early_stopping=5000", "training.checkpoint_every=1"],
    // Of the six micro-batches of a step two ranks and three have equal shares.
    ...["training.batch=36", "training.micro_batch=6"],
  ];
}

/** Waits until the run of a job has saved so many steps. It only looks: to open checkpoints is to put them in order. */
export const saved = (run: string, steps: number, job: Job) =>
  eventually(job, () => {
    try {
      const { step } = JSON.parse(Deno.readTextFileSync(join(run, "checkpoints/last.json")));
      return step >= steps || undefined;
    } catch {
      return undefined; // not there yet
    }
  });
