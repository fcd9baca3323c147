/** `unis evaluate` */
import { OpenRun } from "../app/open_run.ts";
import { openDevice } from "../app/open_device.ts";
import { Stop } from "../app/stop.ts";
import { Interrupted } from "../base/interrupt.ts";
import type { Split } from "../data/batch.ts";
import { describeChanges } from "../data/index/reconcile.ts";
import type { DeviceKind } from "../gpu/adapter.ts";
import { evaluationLines } from "../report/console.ts";
import { digestSplit } from "../runs/preprocessing.ts";
import { Predictor } from "../train/predictor.ts";
import { evaluateBest } from "../train/trainer.ts";

export interface EvaluateFlags {
  split: Split;
  device: DeviceKind;
}

/**
 * Prints the measures of a run's best weights on a split. Where the split is not the one that the run knew, they are
 * another evaluation than its own, and written beside it.
 */
export async function evaluate(folder: string, { split, device }: EvaluateFlags): Promise<void> {
  const opened = await OpenRun.open(folder);
  const { run } = opened;
  using held = new DisposableStack();
  const gpu = await openDevice(device);
  held.defer(() => gpu.destroy());
  const { dataset, changes, kept } = await opened.openData(split, console.warn);
  held.defer(() => dataset.close?.());
  const model = new Predictor(gpu, run.config, opened.modelData);
  held.defer(() => model.dispose());
  using stop = new Stop(() => {});
  try {
    const { evaluation } = await evaluateBest({ model, data: dataset, run, signal: stop.signal }, split);
    console.log([`Adapter ${gpu.name} (${gpu.adapterClass})`, "", ...evaluationLines(evaluation)].join("\n"));
    const changed = describeChanges(split, changes[split]);
    if (changed !== undefined) {
      const name = `${split}-${digestSplit(kept.samples, split)}`;
      console.log(`\nWritten to ${run.writeOtherEvaluation(name, { ...evaluation, changes: changed })}`);
    }
  } catch (error) {
    throw error instanceof Interrupted ? new Interrupted("stopped") : error;
  }
}
