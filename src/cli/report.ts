/** `unis report` */
import { basename, join, resolve } from "node:path";
import { AdapterError } from "../gpu/adapter.ts";
import type { Gpu } from "../gpu/gpu.ts";
import { mustBeWritable, reason } from "../io/file_bytes.ts";
import { writeTextFile } from "../io/new_file.ts";
import { UserError } from "../base/user_error.ts";
import { readComparison, readRuns, RESULTS } from "../report/html/experiment_report.ts";
import { svgFile, toCsv } from "../report/html/figure.ts";
import { SampleStore } from "../report/html/samples.ts";
import { type Page, reportPage } from "../report/html/page.ts";
import {
  type LookOptions,
  reportRun,
  type RunReport,
  type RunView,
  viewRun,
} from "../report/html/run_report.ts";
import { output } from "../report/output.ts";
import { formatBytes } from "../report/units.ts";
import { OpenRun } from "../app/open_run.ts";
import type { RunConfig } from "../config/run_config.ts";
import type { Dataset } from "../data/dataset.ts";
import { exists } from "../io/files.ts";
import { Interrupted } from "../base/interrupt.ts";
import { readMeans } from "../runs/mean_representations.ts";
import { Explainer } from "../train/explainer.ts";
import { meanRepresentations } from "../train/mean_representations.ts";
import { Predictor } from "../train/predictor.ts";
import { type DeviceChoice, openDevice } from "../app/open_device.ts";
import { Stop } from "../app/stop.ts";

export interface ReportFlags extends DeviceChoice {
  points?: number;
  out?: string;
  figures?: string;
}

/** Points of a map in the report of one run, and in that of several, where each method has its maps. */
const POINTS = { one: 500, several: 300 };
/** Draws the samples of maps: the same in every report. */
const SEED = 1;

/** Writes the report of a run, of several, or of an experiment as one HTML file, and its figures as files where a folder is named. */
export async function report(
  folders: readonly string[],
  { points, out, figures, ...device }: ReportFlags,
): Promise<void> {
  const [folder] = folders as [string, ...string[]];
  if (folders.length > 1 && out === undefined) {
    throw new UserError("Say by --out where the report of several runs is to be written");
  }
  if (out !== undefined) mustBeWritable(out);
  const isExperiment = folders.length > 1 || exists(join(folder, RESULTS));
  const notes: string[] = [];
  const listed = folders.length > 1
    ? viewSeveral(folders)
    : isExperiment
    ? viewRuns(folder, notes)
    : [{ group: "", view: viewRun(folder, "run-1") }];
  const results = isExperiment && folders.length === 1 ? readComparison(folder) : undefined;
  using stop = new Stop(() => {});
  const samples = new SampleStore();
  const most = points ?? (isExperiment ? POINTS.several : POINTS.one);
  const opener = new LazyDevice(device);
  const runs: { group: string; view: RunReport }[] = [];
  try {
    for (const { group, view } of listed) {
      const isFirst = !runs.some((run) => run.group === group && run.view.table !== undefined);
      const options = { samples, most, seed: SEED, signal: stop.signal };
      runs.push({
        group,
        view: isFirst ? await withModel(view, opener, options) : await withoutModel(view, options),
      });
    }
  } catch (error) {
    throw error instanceof Interrupted ? new Interrupted("stopped; no report was written") : error;
  } finally {
    opener.close();
  }
  const title = folders.map((one) => basename(resolve(one))).join(", ");
  const page = reportPage(title, runs, samples, {
    isExperiment,
    notes,
    ...(results && { comparison: results }),
  });
  const file = out ?? join(folder, "report.html");
  writeTextFile(file, page.html);
  for (const note of notes) output.aside(note);
  for (const { view } of runs) for (const note of view.notes) output.aside(`${view.title}: ${note}`);
  output.result(`Report      ${file} (${formatBytes(new TextEncoder().encode(page.html).length)})`);
  if (figures !== undefined) writeFigures(page, figures);
}

/** Runs that were named one by one; those of one method that differ in their seeds alone are compared as a group. */
function viewSeveral(folders: readonly string[]): { group: string; view: RunView }[] {
  const nested = folders.find((folder) => exists(join(folder, RESULTS)));
  if (nested !== undefined) {
    throw new UserError(`${nested} is an experiment: report on it alone, or name its runs`);
  }
  const views = folders.map((folder, i) => viewRun(folder, `run-${i + 1}`));
  /** How the runs of a method were configured, but for their seeds. */
  const configurations = Map.groupBy(
    new Set(views.map(({ run: { config } }) => JSON.stringify({ ...config, seed: 0 }))),
    (text) => (JSON.parse(text) as RunConfig).method,
  );
  return views.map((view) => {
    const { method } = view.run.config;
    return { group: configurations.get(method)!.length > 1 ? `${method}, ${view.title}` : method, view };
  });
}

/** The runs of an experiment that can be read; `notes` learns of the others. */
function viewRuns(folder: string, notes: string[]): { group: string; view: RunView }[] {
  const runs = readRuns(folder).flatMap(({ name, path, group }, i) => {
    try {
      return [{ group, view: viewRun(path, `run-${i + 1}`, name) }];
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      notes.push(`${name} is left out: ${error.message}`);
      return [];
    }
  });
  if (runs.length === 0) throw new UserError([`${folder} has no runs to report on yet`, ...notes].join("; "));
  return runs;
}

/** A device that is opened when it is first asked for, once for all runs. */
class LazyDevice {
  readonly #choice: DeviceChoice;
  #gpu: Gpu | undefined;

  constructor(choice: DeviceChoice) {
    this.#choice = choice;
  }

  async open(): Promise<Gpu> {
    return this.#gpu ??= await openDevice(this.#choice);
  }

  close(): void {
    this.#gpu?.destroy();
  }
}

/** The report of a run with all that needs its model; where model or data cannot be had, it says so and has the rest. */
async function withModel(view: RunView, device: LazyDevice, options: LookOptions): Promise<RunReport> {
  if (view.table === undefined) {
    return await reportRun(view, { missing: "the run has not been tested" }, options);
  }
  const { run } = view;
  let data: Dataset | undefined;
  let model: Predictor | undefined;
  try {
    const gpu = await device.open();
    const opened = await OpenRun.of(run);
    data = (await opened.openData("test", (message) => output.aside(message))).dataset;
    const [predictor, dataset] = [new Predictor(gpu, run.config, opened.modelData), data];
    model = predictor;
    const explainer = async () => {
      const { epoch, temperatures } = run.checkpoints.loadBest();
      const means = readMeans(run, epoch) ?? await meanRepresentations(predictor, dataset, options.signal);
      const { modalities } = opened.kept.preprocessing;
      return new Explainer({ model: predictor, modalities, means, temperatures });
    };
    return await reportRun(view, { model, data, explainer }, options);
  } catch (error) {
    if (!(error instanceof UserError || error instanceof AdapterError)) throw error;
    return await reportRun(view, { missing: error.message }, options);
  } finally {
    data?.close?.();
    model?.dispose();
  }
}

function withoutModel(view: RunView, options: LookOptions): Promise<RunReport> {
  return reportRun(view, { missing: "they are shown of the first run of each method" }, options);
}

/** Each figure as <name>.svg and <name>.csv. */
function writeFigures({ figures }: Page, folder: string): void {
  try {
    Deno.mkdirSync(folder, { recursive: true });
  } catch (error) {
    throw new UserError(`Cannot make ${folder}: ${reason(error)}`);
  }
  for (const figure of figures) {
    writeTextFile(join(folder, `${figure.name}.svg`), svgFile(figure));
    writeTextFile(join(folder, `${figure.name}.csv`), toCsv(figure.rows));
  }
  output.result(`Figures     ${folder} (${figures.length}, each as SVG and CSV)`);
}
