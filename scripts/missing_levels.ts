/**
 * Evaluates the runs of an experiment on test splits of which shares of the samples lack a modality, and prints the fused
 * accuracy, as mean ± standard deviation over the seeds: as a table whose rows are variants, and whose columns say what is
 * withheld at test time.
 *
 *     deno run -A scripts/missing_levels.ts runs/emoji_missing [--levels 0,0.25,0.5,0.75]
 *
 * What is withheld of a share depends on the samples alone, so that it is the same for all runs. Beside the shares stand the
 * sets of modalities that are left to all samples.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { openDevice } from "../src/app/open_device.ts";
import { OpenRun } from "../src/app/open_run.ts";
import type { Results } from "../src/experiments/results.ts";
import { readJson } from "../src/io/files.ts";
import { spreadOf } from "../src/report/html/experiment_report.ts";
import { formatTable } from "../src/report/table.ts";
import { evaluateBest } from "../src/train/evaluate_best.ts";
import { Predictor } from "../src/train/predictor.ts";

const { values: flags, positionals: [folder] } = parseArgs({
  allowPositionals: true,
  options: { levels: { type: "string", default: "0,0.25,0.5,0.75" } },
});
if (folder === undefined) throw new Error("Name the folder of an experiment");
const levels = flags.levels.split(",").map(Number);
const gpu = await openDevice("auto", () => {});
const { runs } = readJson(join(folder, "results.json")) as Results;
/** Accuracies of the fused head by group, then by column. */
const found = new Map<string, Map<string, number[]>>();
for (const { path, group, status } of runs) {
  if (status !== "finished") continue;
  const columns = found.get(group) ?? new Map<string, number[]>();
  found.set(group, columns);
  const add = (column: string, accuracy: number) =>
    columns.set(column, [...columns.get(column) ?? [], accuracy]);
  const opened = await OpenRun.open(join(folder, path));
  const model = new Predictor(gpu, opened.run.config, opened.modelData);
  for (const level of levels) {
    const less = await opened.withholding("test", level);
    const { dataset } = await less.openData("test", () => {});
    const { evaluation } = await evaluateBest({ model, data: dataset, run: less.run }, "test");
    dataset.close?.();
    add(`${100 * level} %`, evaluation.accuracy.fusion!);
    if (level !== 0) continue;
    for (const { modalities, accuracy } of evaluation.withheld ?? []) {
      if (modalities.length === 1) add(`${modalities} alone`, accuracy.fusion!);
    }
  }
  model.dispose();
}
const columns = [...new Set([...found.values()].flatMap((own) => [...own.keys()]))]
  .toSorted((a, b) => Number(a.endsWith("alone")) - Number(b.endsWith("alone")));
const rows = Array.from(found, ([group, own]) => [
  group,
  ...columns.map((column) => {
    const { mean, std } = spreadOf(own.get(column) ?? []);
    return `${mean.toFixed(3)}${std === undefined ? "" : ` ± ${std.toFixed(3)}`}`;
  }),
]);
console.log(formatTable([["", ...columns], ...rows]).join("\n"));
gpu.destroy();
