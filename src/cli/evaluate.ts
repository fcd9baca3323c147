/** `unis evaluate` */
import type { Split } from "../data/batch.ts";
import type { DeviceKind } from "../gpu/adapter.ts";
import { evaluationLines } from "../report/console.ts";
import { loadRunData } from "../build/load_dataset.ts";
import { Interrupted } from "../base/interrupt.ts";
import { Learner } from "../train/learner.ts";
import { withPossiblePrecision } from "../train/precision.ts";
import { RunFolder } from "../runs/run_folder.ts";
import { evaluateBest } from "../train/trainer.ts";
import { openDevice } from "../app/open_device.ts";
import { Stop } from "../app/stop.ts";

export interface EvaluateFlags {
  split: Split;
  device: DeviceKind;
}

/** Prints the measures of a run's best weights on a split. */
export async function evaluate(folder: string, { split, device }: EvaluateFlags): Promise<void> {
  const run = RunFolder.open(folder);
  const gpu = await openDevice(device);
  const data = await loadRunData(run, console.warn);
  const learner = new Learner(gpu, withPossiblePrecision(gpu, run.config), data);
  using stop = new Stop(() => {});
  try {
    const { evaluation } = await evaluateBest({ learner, data, run, signal: stop.signal }, split);
    console.log([`Adapter ${gpu.name} (${gpu.adapterClass})`, "", ...evaluationLines(evaluation)].join("\n"));
  } catch (error) {
    throw error instanceof Interrupted ? new Interrupted("stopped") : error;
  } finally {
    data.close?.();
    learner.dispose();
    gpu.destroy();
  }
}
