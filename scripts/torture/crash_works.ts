/** The command lines that are killed, and what is typed again afterwards. */
import { join } from "node:path";
import { RunFolder } from "../../src/runs/run_folder.ts";
import { featuresExperiment, writeFeatures } from "../../tests/experiments/features.ts";
import { training } from "./tiny_training.ts";

export interface CrashWork {
  readonly name: string;
  /** What is typed first; what is made of it lies in `out`, or below. */
  first(out: string): string[];
  /** What is typed after it was killed. */
  again(out: string): string[];
  /** Said, with status 2, where nothing was left to do. */
  readonly isDone?: RegExp;
}

/** Within an epoch of five steps, one checkpoint beside that of its end. */
const SETTINGS = ["training.epochs=2", "training.checkpoint_every=4"];

function trainingWork(table: string, precision: "f32" | "f16"): CrashWork {
  const first = (out: string) => training(table, out, [...SETTINGS, `training.precision=${precision}`]);
  return {
    name: `training in ${precision}`,
    first,
    again: (out) => RunFolder.isAt(out) ? ["train", "--resume", out] : first(out),
    isDone: /has finished/,
  };
}

/** The same command makes what is missing. */
const repeated = (name: string, first: CrashWork["first"]): CrashWork => ({ name, first, again: first });

export const trainings = (
  table: string,
): CrashWork[] => [trainingWork(table, "f32"), trainingWork(table, "f16")];

/** Two runs of an epoch each, on data that are written to `folder`. */
export function experimentWork(folder: string): CrashWork {
  const data = join(folder, "features");
  writeFeatures(data);
  const whole = featuresExperiment(data);
  const file = join(folder, "experiment.json");
  const small = {
    ...whole,
    seeds: [1],
    variants: whole.variants.slice(0, 2),
    set: { ...whole.set, "training.epochs": 1 },
  };
  Deno.writeTextFileSync(file, JSON.stringify(small));
  return repeated("an experiment", (out) => ["experiment", file, "--out", out]);
}

/** Of what a run on a table can be asked for. */
export const worksOn = (run: string, table: string): CrashWork[] => [
  repeated("predict", (out) => [
    ...["predict", run, "--data", table, "--out", join(out, "answers.csv"), "--label", "label"],
    ...["--embeddings", join(out, "embeddings.npy")],
  ]),
  { ...repeated("export", (out) => ["export", run, "--to", join(out, "exported")]), isDone: /is not empty/ },
];

/** A page of a run. */
export const reportOf = (run: string): CrashWork =>
  repeated("report", (out) => ["report", run, "--out", join(out, "page.html")]);
