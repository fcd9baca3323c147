/** Runs on small tables, made and evaluated as the commands do. */
import { join } from "node:path";
import { OpenRun } from "../../src/app/open_run.ts";
import { Work } from "../../src/app/work.ts";
import { dataPreset } from "../../src/config/data_presets.ts";
import { withSettings } from "../../src/config/run_config.ts";
import type { Split } from "../../src/data/batch.ts";
import type { Gpu } from "../../src/gpu/gpu.ts";
import { csvCell } from "../../src/io/csv.ts";
import type { DownloadProgress } from "../../src/io/hub.ts";
import { RunFolder } from "../../src/runs/run_folder.ts";
import { Learner } from "../../src/train/learner.ts";
import { evaluateBest } from "../../src/train/evaluate_best.ts";
import { silent } from "../train/tiny.ts";

export type Table = string[][];

export function writeTable(path: string, rows: Table): void {
  Deno.writeTextFileSync(path, rows.map((cells) => cells.map(csvCell).join(",") + "\n").join(""));
}

const NO_DOWNLOADS = {} as DownloadProgress;

/** Settings of a table with texts in the column "title", and of a model that trains in a moment. */
export const SMALL_TEXT = [
  "data.text=title",
  "data.label=label",
  "training.epochs=2",
  "training.batch=12",
  "training.micro_batch=12",
  "optimizer.warmup_steps=0",
  "optimizer.encoder_learning_rate=3e-3",
  "model.encoders.text.hidden_size=8",
  "model.encoders.text.num_hidden_layers=1",
  "model.encoders.text.intermediate_size=8",
  "model.encoders.text.num_attention_heads=2",
];

/** The same with images in the column "path", and the modality "lab" of the numbers "a" and "b". */
export const SMALL_OF_ALL = [
  ...SMALL_TEXT,
  "data.image=path",
  "data.split=split",
  'data.modalities={"lab":{"features":["a","b"]}}',
  "data.image_size=8",
  ...["hidden_size=8", "num_hidden_layers=1", "intermediate_size=8", "num_attention_heads=2", "patch_size=4"]
    .map((one) => `model.encoders.image.${one}`),
  "model.encoders.lab.hidden_size=8",
];

/** Trains a run at `folder/run` on the table `folder/items.csv` to its end; gives its path. */
export async function trainOnTable(gpu: Gpu, folder: string, settings: readonly string[]): Promise<string> {
  const out = join(folder, "run");
  const preset = dataPreset({ name: "table", path: join(folder, "items.csv") }, settings);
  using work = await Work.begin({ config: withSettings(preset, settings), folders: new Map(), out }, {
    device: gpu,
    observer: silent(),
    downloads: NO_DOWNLOADS,
  });
  await work.trainAndTest(new AbortController().signal);
  return out;
}

/** Goes on with a run for `epochs` in all; gives what was said. */
export async function resume(
  gpu: Gpu,
  path: string,
  epochs: number,
  acceptChangedData = false,
): Promise<string[]> {
  const run = RunFolder.open(path);
  const notes: string[] = [];
  const longer = run.withConfig({ ...run.config, training: { ...run.config.training, epochs } });
  using work = await Work.begin(longer, {
    device: gpu,
    observer: { ...silent(), note: (message) => notes.push(message) },
    downloads: NO_DOWNLOADS,
    acceptChangedData,
  });
  await work.trainAndTest(new AbortController().signal);
  return notes;
}

/** Evaluates a run as it is: its numbers with all digits, and what was said of its data. */
export async function evaluateRun(gpu: Gpu, path: string, split: Split = "test") {
  const opened = await OpenRun.open(path);
  const notes: string[] = [];
  const { dataset, changes } = await opened.openData(split, (line) => notes.push(line));
  const learner = new Learner(gpu, opened.run.config, dataset);
  try {
    const { run } = opened;
    const { evaluation, predictions } = await evaluateBest({ model: learner, data: dataset, run }, split);
    const probabilities = [...predictions.probabilities].map(([head, values]) => [head, [...values]]);
    return { numbers: JSON.stringify([evaluation, probabilities]), evaluation, notes, changes };
  } finally {
    learner.dispose();
    dataset.close?.();
  }
}
