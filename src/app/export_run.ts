/** Exports a run: what every format begins with and ends with. */
import { basename, join, resolve } from "node:path";
import { UserError } from "../base/user_error.ts";
import { buildModel } from "../build/build_model.ts";
import { resolveEncoders } from "../build/resolve_encoders.ts";
import type { ExportFormat, Precision } from "../export/export_format.ts";
import { FORMATS } from "../export/formats.ts";
import { writeTextFile } from "../io/new_file.ts";
import { exists } from "../io/files.ts";
import { NewFolder } from "../io/new_folder.ts";
import type { TensorFile } from "../io/safetensors.ts";
import { Parameters } from "../nn/parameters.ts";
import { modelCard } from "../report/model_card.ts";
import { summariseSplit } from "../runs/preprocessing.ts";
import { temperaturesOf } from "../runs/run_checkpoints.ts";
import { sameShape, showShape } from "../tensor/shape.ts";
import { OpenRun } from "./open_run.ts";

export interface ExportOptions {
  /** "transformers" if not given. */
  readonly format?: string;
  /** "f32" if not given. */
  readonly precision?: Precision;
  /** The name of the model in its card; that of the folder of the run if not given. */
  readonly name?: string;
  /** Told what is left out, and why. */
  readonly note?: (message: string) => void;
}

/**
 * Writes the best weights of a run into the folder `to`, with all that it takes to go from image files and texts to
 * probabilities, in one of `FORMATS`. Gives the paths written. Needs neither data nor a device. Throws a UserError where
 * the run has no weights yet, or damaged ones, where there is something at `to`, or where the format cannot hold the model.
 */
export async function exportRun(folder: string, to: string, options: ExportOptions = {}): Promise<string[]> {
  const { precision = "f32", note = () => {} } = options;
  const format = formatOf(options.format ?? FORMATS[0].name, precision);
  const { run, kept: { preprocessing, samples }, modelData } = await OpenRun.open(folder);
  const { missing } = run.config.data;
  if (missing !== "refuse" && !format.saysPresence) {
    const able = FORMATS.filter(({ saysPresence }) => saysPresence).map(({ name }) => name);
    throw new UserError(
      `Cannot export ${folder} as ${format.name}: "data.missing" is ${missing}, and only --format ${
        able.join(", ")
      } can say ` +
        "that a sample lacks a modality",
    );
  }
  using weights = run.checkpoints.openBest();
  mustBeFree(to);
  const parameters = new Parameters();
  const model = buildModel(parameters.root, run.config, modelData);
  mustBeOf(parameters, weights);
  using target = new NewFolder(to);
  const placed = (text: string) => text.replaceAll(target.filled, target.path);
  const encoders = resolveEncoders(run.config, modelData);
  const source = { run, preprocessing, encoders, model, precision, temperatures: temperaturesOf(weights) };
  const write = await format.load();
  const written = await write({ ...source, weights, note: (text) => note(placed(text)) }, target.filled);
  const epoch = Number(weights.metadata.get("epoch"));
  const test = run.evaluation();
  const card = modelCard({
    ...source,
    name: options.name ?? basename(resolve(folder)),
    format,
    epoch,
    hasScript: written.some((path) => basename(path) === "predict.py"),
    // A run that is gone on with may have other weights by now than those that were tested.
    evaluation: test?.epoch === epoch ? test : undefined,
    splits: {
      train: summariseSplit(samples, "train"),
      validation: summariseSplit(samples, "validation"),
      test: summariseSplit(samples, "test"),
    },
  });
  const readme = join(target.filled, "README.md");
  writeTextFile(readme, card);
  target.place();
  return [...written, readme].map(placed);
}

/** Throws a UserError for a name of no format, or a type that its weights cannot have. */
function formatOf(name: string, precision: Precision): ExportFormat {
  const format: ExportFormat | undefined = FORMATS.find((one) => one.name === name);
  if (format === undefined) {
    throw new UserError(
      `Cannot export as "${name}": formats are ${FORMATS.map((one) => one.name).join(", ")}`,
    );
  }
  if (format.precisions.includes(precision)) return format;
  const able = FORMATS.filter(({ precisions }) => precisions.some((one) => one === precision));
  throw new UserError(
    `Cannot export as ${name} in ${precision}: only --format ${
      able.map((one) => one.name).join(", ")
    } has it`,
  );
}

/** Throws a UserError where the weights are not those of this model. */
function mustBeOf(parameters: Parameters, { path, tensors }: TensorFile): void {
  for (const { name, shape } of parameters.state()) {
    const stored = tensors.get(name)?.shape;
    if (stored !== undefined && sameShape(stored, shape)) continue;
    const found = stored === undefined ? "missing" : `${showShape(stored)}, not ${showShape(shape)}`;
    throw new UserError(`Cannot export ${path}: ${name} is ${found}`);
  }
}

function mustBeFree(path: string): void {
  if (!exists(path)) return;
  if (!Deno.statSync(path).isDirectory) throw new UserError(`Cannot export to ${path}: it is a file`);
  for (const _ of Deno.readDirSync(path)) {
    throw new UserError(`Cannot export to ${path}: it is not empty; name another folder`);
  }
}
