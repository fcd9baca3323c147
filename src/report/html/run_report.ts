/** Reads a run and draws the figures of its report. */
import { basename, resolve } from "node:path";
import type { Split } from "../../data/batch.ts";
import type { Dataset } from "../../data/dataset.ts";
import { TARGETS, type TaskName } from "../../data/targets.ts";
import { visitedSamples } from "../../data/epoch.ts";
import { UserError } from "../../base/user_error.ts";
import { taskOf } from "../../config/task_config.ts";
import type { RunConfig } from "../../config/run_config.ts";
import type { Explainer } from "../../train/explainer.ts";
import type { AnsweringModel } from "../../train/evaluation.ts";
import { visitOf } from "../../train/gradient_step.ts";
import { type PredictionTable, textAt } from "../../runs/predictions.ts";
import { readKeptSamples } from "../../runs/preprocessing.ts";
import type { EpochRecord, Evaluation } from "../../runs/records.ts";
import { represent } from "../../train/representations.ts";
import { type Environment, RunFolder } from "../../runs/run_folder.ts";
import { reliabilityFigure } from "./calibration.ts";
import { classFigure, confusionFigure, findTurns, type Turns } from "./predictions.ts";
import { curveFigures } from "./curves.ts";
import { type Explained, explainRows } from "./explanations.ts";
import type { Figure } from "./figure.ts";
import { labelFigure, scatterFigure } from "./label_figures.ts";
import { labelText, type SampleStore } from "./samples.ts";
import { drawRows, mapFigures } from "./maps.ts";

/** A run as it is read from its folder. */
export interface RunView {
  /** The name of its section and the start of those of its figures, such as "run-1". */
  readonly key: string;
  readonly title: string;
  readonly run: RunFolder;
  readonly records: readonly EpochRecord[];
  readonly environment: Environment | undefined;
  /** The evaluation on the test split; undefined as long as it has not been tested. */
  readonly evaluation: Evaluation | undefined;
  readonly table: PredictionTable | undefined;
  /** The samples of each class by split; undefined where the run is of a version that kept none. */
  readonly classCounts: ClassCounts | undefined;
  /** The samples of each split; undefined as above. */
  readonly sampleCounts: Readonly<Record<Split, number>> | undefined;
  /** Names its data: runs of the same data share their samples in a report. */
  readonly source: string;
}

export type ClassCounts = ReadonlyMap<string, Readonly<Record<Split, number>>>;

function countSamples(run: RunFolder): Pick<RunView, "classCounts" | "sampleCounts"> {
  const samples = readKeptSamples(run);
  if (samples === undefined) return { classCounts: undefined, sampleCounts: undefined };
  const { namesIn } = TARGETS[taskOf(run.config.data)];
  const counts = new Map<string, Record<Split, number>>();
  const sampleCounts = { train: 0, validation: 0, test: 0 };
  for (const { label, split } of samples) {
    sampleCounts[split]++;
    for (const name of namesIn(label)) {
      const own = counts.get(name) ?? { train: 0, validation: 0, test: 0 };
      counts.set(name, own);
      own[split]++;
    }
  }
  return { classCounts: counts, sampleCounts };
}

export interface RunReport extends RunView {
  readonly figures: readonly Figure[];
  readonly turns: Turns;
  readonly explained?: Explained;
  /** Sentences that say what is left out, and why. */
  readonly notes: readonly string[];
}

/** The model and the data of a run, or why they cannot be had. */
export type Source =
  | {
    readonly model: AnsweringModel;
    readonly data: Dataset;
    /** Makes what explains answers, of the weights that are then in the model; throws a UserError where nothing can. */
    readonly explainer?: () => Promise<Explainer>;
  }
  | { readonly missing: string };

export interface LookOptions {
  readonly samples: SampleStore;
  /** The largest number of points of a map. */
  readonly most: number;
  /** The seed by which the samples of maps are drawn. */
  readonly seed: number;
  readonly signal?: AbortSignal;
}

const NO_TURNS: Turns = { best: undefined, rescued: [], ruined: [], gain: undefined };

/** How many samples are shown that fusion rescues, and how many that it ruins. */
export const SHOWN_TURNS = 12;

/** Reads the folder of a run. Throws a UserError where it is none or a file of it is damaged. */
export function viewRun(path: string, key: string, title = basename(resolve(path))): RunView {
  const run = RunFolder.open(path);
  return {
    key,
    title,
    run,
    records: run.records(),
    environment: run.environment(),
    evaluation: run.evaluation(),
    table: run.predictions(),
    ...countSamples(run),
    source: JSON.stringify(run.config.data),
  };
}

function shownTurns({ rescued, ruined }: Turns): number[] {
  return [...rescued.slice(0, SHOWN_TURNS), ...ruined.slice(0, SHOWN_TURNS)];
}

/** The figures of predictions, by their task. */
const FIGURES: Readonly<
  Record<TaskName, (table: PredictionTable, view: RunView, prefix: string) => readonly Figure[]>
> = {
  classification: (table, { evaluation }, prefix) => [
    classFigure(table, prefix),
    reliabilityFigure(table, evaluation?.calibration ?? {}, prefix),
    confusionFigure(table, prefix),
  ],
  multi_label: (table, { evaluation }, prefix) => [
    labelFigure(table, prefix),
    reliabilityFigure(table, evaluation?.calibration ?? {}, prefix),
  ],
  regression: (table, _, prefix) => [scatterFigure(table, prefix)],
};

/** Draws the figures of a run; those that need its model and data only where `source` has them. */
export async function reportRun(view: RunView, source: Source, options: LookOptions): Promise<RunReport> {
  const { records, table, key } = view;
  const { samples } = options;
  const prefix = `${key}-`;
  const notes: string[] = [];
  const figures = curveFigures(records, prefix, view.evaluation?.epoch);
  if (records.length === 0) notes.push("No epoch has been finished yet.");
  if (table === undefined) {
    notes.push("The run has not been tested yet: figures of its predictions are left out.");
    return { ...view, figures, turns: NO_TURNS, notes };
  }
  const { task = "classification" } = table;
  figures.push(...FIGURES[task](table, view, prefix));
  const turns = findTurns(table);
  const reason = "missing" in source ? source.missing : differs(table, view.run.config, source.data);
  if (reason !== undefined || "missing" in source) {
    notes.push(`Maps of representations, pictures and texts are left out: ${reason}.`);
    return { ...view, figures, turns, notes };
  }
  const { checkpoints } = view.run;
  source.model.writeWeights(checkpoints.loadBest().weights, checkpoints.best);
  const rows = drawRows(table, options.most, options.seed);
  if (task !== "classification") {
    await samples.add(view.source, source.data, "test", shownTurns(turns));
    notes.push("Maps of representations are of classes alone, and left out.");
  } else {
    const drawn = await maps(view, table, rows, turns, source, options);
    if (drawn === undefined) {
      notes.push("Maps of representations are left out: they are no finite numbers.");
      return { ...view, figures, turns, notes };
    }
    figures.push(...drawn);
  }
  try {
    const explainer = await source.explainer?.();
    const explained = explainer && await explainRows(explainer, source.data, table, rows, options.signal);
    return { ...view, figures, turns, ...(explained && { explained }), notes };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    notes.push(`Why it answers so is left out: ${error.message}.`);
    return { ...view, figures, turns, notes };
  }
}

async function maps(
  { key, source }: RunView,
  table: PredictionTable,
  rows: Uint32Array,
  turns: Turns,
  { model, data }: { model: AnsweringModel; data: Dataset },
  { samples, most, seed, signal }: LookOptions,
): Promise<Figure[] | undefined> {
  const representations = await represent(model, data, "test", rows, signal);
  await samples.add(source, data, "test", [
    ...rows,
    ...shownTurns(turns),
  ]);
  // Weights that are finite may still make representations that overflow, and those cannot be drawn.
  if (![...representations.values()].flat().every((vector) => vector.every(Number.isFinite))) return;
  return await mapFigures({
    table,
    rows,
    representations,
    numberOf: (id) => samples.find(source, id),
    prefix: `${key}-`,
    run: key,
    seed,
    most,
    ...(signal && { signal }),
  });
}

/** Says how the data at hand differ from those that were tested; undefined where they do not. */
function differs(
  table: PredictionTable,
  config: RunConfig,
  data: Dataset,
): string | undefined {
  const { ids, labels } = table;
  const visited = visitedSamples(data.count("test"), config.training.evaluation_batch, visitOf(config));
  if (visited !== ids.length) {
    return `the data set has ${data.count("test")} test samples now, ${ids.length} were tested`;
  }
  const row = ids.findIndex((id, row) =>
    id !== data.id("test", row) || textAt(table, labels, row) !== labelText(data, "test", row)
  );
  return row < 0 ? undefined : `test sample ${row + 1} was ${ids[row]}, the data set has another now`;
}
