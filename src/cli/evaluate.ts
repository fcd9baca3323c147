/** The command `unis evaluate`. */
import { type DeviceChoice, openDevice } from "../app/open_device.ts";
import { OpenRun } from "../app/open_run.ts";
import { uncounted } from "../app/predict/labelled_answers.ts";
import { PendingFile } from "../app/predict/pending_file.ts";
import { predictTable, tablePath } from "../app/predict/predict_table.ts";
import { PredictSession } from "../app/predict/session.ts";
import { answerWriter } from "../app/predict/writers.ts";
import { mustNotShareDevices } from "../app/rank_devices.ts";
import { amongRanks, mustWorkAlike } from "../app/ranks.ts";
import { Stop } from "../app/stop.ts";
import { Interrupted } from "../base/interrupt.ts";
import { UserError } from "../base/user_error.ts";
import type { Split } from "../data/batch.ts";
import { describeChanges } from "../data/index/reconcile.ts";
import type { Collective } from "../distributed/collective.ts";
import { mustBeWritable } from "../io/file_bytes.ts";
import { writeTextFile } from "../io/new_file.ts";
import { confusionLines, evaluationLines } from "../report/console.ts";
import { output } from "../report/output.ts";
import { predictionsCsv } from "../runs/predictions.ts";
import { digestSplit } from "../runs/preprocessing.ts";
import { Predictor } from "../train/predictor.ts";
import { evaluateBest } from "../train/evaluate_best.ts";

export interface EvaluateFlags extends DeviceChoice {
  split: Split;
  /** A table of other samples than the run's. */
  data?: string;
  /** Where the answers are written to, as CSV. */
  predictions?: string;
  /** The share of the samples from which modalities are withheld. */
  withhold?: number;
}

/** Evaluates a run's best weights on a split of its data, which ranks share, or on another table with labels. */
export function evaluate(folder: string, flags: EvaluateFlags): Promise<void> {
  return amongRanks((collective) => evaluateAsRank(folder, flags, collective));
}

async function evaluateAsRank(folder: string, flags: EvaluateFlags, collective: Collective): Promise<void> {
  if (flags.predictions !== undefined) mustBeWritable(flags.predictions);
  if (flags.withhold !== undefined && flags.data !== undefined) {
    throw new UserError("--withhold is for a split of the run's data, not for another table");
  }
  if (collective.size > 1 && flags.data !== undefined) {
    throw new UserError(
      `--data is for one process, not ${collective.size} ranks: they share a split of the run's data`,
    );
  }
  using stop = new Stop(() => {});
  try {
    if (flags.data === undefined) await evaluateSplit(folder, flags, collective, stop.signal);
    else await evaluateTable(folder, tablePath(flags.data), flags, stop.signal);
  } catch (error) {
    throw error instanceof Interrupted ? new Interrupted("stopped") : error;
  }
}

/** Where the split is not the one that the run knew, its measures are another evaluation, and written beside its own. */
async function evaluateSplit(
  folder: string,
  { split, predictions: to, withhold, ...device }: EvaluateFlags,
  collective: Collective,
  signal: AbortSignal,
): Promise<void> {
  const found = await OpenRun.open(folder);
  const opened = withhold === undefined ? found : await found.withholding(split, withhold);
  const { run } = opened;
  using held = new DisposableStack();
  const gpu = await openDevice(device);
  held.defer(() => gpu.destroy());
  const note = (message: string) => output.aside(message);
  await mustNotShareDevices(collective, gpu, note);
  const { dataset, changes, kept } = await opened.openData(split, note);
  held.defer(() => dataset.close?.());
  const model = new Predictor(gpu, run.config, opened.modelData, collective);
  held.defer(() => model.dispose());
  await mustWorkAlike(model, kept);
  const { evaluation, predictions } = await evaluateBest({ model, data: dataset, run, signal }, split);
  if (collective.rank > 0) return; // the first writes and prints
  output.note(`Adapter ${gpu.name} (${gpu.adapterClass})\n`);
  output.result(evaluationLines(evaluation).join("\n"));
  const changed = describeChanges(split, changes[split]);
  if (changed !== undefined) {
    const name = `${split}-${digestSplit(kept.samples, split)}`;
    output.note(`\nWritten to ${run.writeOtherEvaluation(name, { ...evaluation, changes: changed })}`);
  }
  if (to === undefined) return;
  writeTextFile(to, predictionsCsv(predictions, dataset));
  output.note(`\nPredictions ${to}`);
}

async function evaluateTable(
  folder: string,
  path: string,
  { device, predictions: to }: EvaluateFlags,
  signal: AbortSignal,
): Promise<void> {
  using session = await PredictSession.begin(folder, device);
  using file = to === undefined ? undefined : new PendingFile(to);
  const { classes, gpu } = session;
  const found = await predictTable(session, path, {
    skipBad: false,
    writer: answerWriter("csv", { task: session.task, classes, top: 1, all: true }),
    print: (text) => file?.write(text),
    signal,
  });
  if (found.evaluation === undefined || found.predictions === undefined) {
    throw new UserError(`${path} has no row with a label that the run knows: ${classes.join(", ")}`);
  }
  file?.finish();
  output.note(`Adapter ${gpu.name} (${gpu.adapterClass})\n`);
  output.result([
    ...evaluationLines(found.evaluation, path),
    "",
    ...confusionLines(found.predictions, classes),
  ].join("\n"));
  for (const line of uncounted(found.unknownLabels)) output.aside(line);
  if (to !== undefined) output.note(`\nPredictions ${to}`);
}
