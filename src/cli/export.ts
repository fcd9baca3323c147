/** `unis export` */
import { basename, join } from "node:path";
import { loadPreprocessor } from "../data/images/preprocessor.ts";
import { OpenRun } from "../app/open_run.ts";
import { exportEncoder, exportTensors, preprocessorConfig } from "../build/hf_export.ts";
import { readJsonObject, writeJsonFile } from "../io/json_file.ts";
import { TOKENIZER_FILES } from "../io/hub_files.ts";
import { UserError } from "../base/user_error.ts";
import { Parameters } from "../nn/parameters.ts";
import { sameShape, showShape } from "../tensor/shape.ts";
import { buildModel } from "../build/build_model.ts";
import { resolveEncoders } from "../build/resolve_encoders.ts";
import type { ImageSpec } from "../data/dataset.ts";
import { exists, makeFolder } from "../io/files.ts";
import { modalityFolder } from "../runs/preprocessing.ts";
import { VERSION } from "../base/version.ts";

const PREPROCESSOR = "preprocessor_config.json";

export interface ExportFlags {
  to: string;
}

/** Exports a run and says what was written. */
export async function exportCommand(folder: string, { to }: ExportFlags): Promise<void> {
  const written = await exportRun(folder, to);
  for (const path of written) console.log(path);
}

/**
 * Writes the best weights of a run: a folder for each encoder, which `transformers` loads, with its tokenizer or
 * preprocessor; heads.safetensors and heads.json. Gives the paths written. Needs no device. Throws a UserError where
 * the run has no weights yet, or damaged ones, or there is something at `to`.
 */
export async function exportRun(folder: string, to: string): Promise<string[]> {
  const opened = await OpenRun.open(folder);
  const { run, modelData } = opened;
  const { config } = run;
  using weights = run.checkpoints.openBest();
  mustBeFree(to);
  const parameters = new Parameters();
  const model = buildModel(parameters.root, config, modelData);
  for (const { name, shape } of parameters) {
    const stored = weights.tensors.get(name)?.shape;
    if (stored !== undefined && sameShape(stored, shape)) continue;
    const found = stored === undefined ? "missing" : `${showShape(stored)}, not ${showShape(shape)}`;
    throw new UserError(`Cannot export ${weights.path}: ${name} is ${found}`);
  }

  makeFolder(to);
  const written: string[] = [];
  const encoders = resolveEncoders(config, modelData);
  for (const { name, config, specs } of encoders) {
    const path = join(to, name);
    const companions: Record<string, object> = {};
    const copied: string[] = [];
    for (const spec of Object.values(specs)) {
      const kept = modalityFolder(run, spec.name);
      if (spec.kind === "image") companions[PREPROCESSOR] = await preprocessorOf(spec, kept);
      if (spec.kind === "text") {
        copied.push(...TOKENIZER_FILES.map((file) => join(kept, file)).filter(exists));
      }
    }
    exportEncoder(path, { config, weights, prefix: `${name}.`, companions });
    for (const file of copied) Deno.copyFileSync(file, join(path, basename(file)));
    written.push(path);
  }
  const heads = ["heads.safetensors", "heads.json"].map((name) => join(to, name)) as [string, string];
  exportTensors(heads[0], weights, "heads.");
  writeJsonFile(heads[1], {
    unis: VERSION,
    data: modelData.name,
    method: config.method,
    classes: modelData.classes,
    // Heads are named by these, and "fusion" where there is one.
    modalities: model.modalities,
    representations: Object.fromEntries(encoders.map(({ name, type }) => [name, type.representation])),
    fusion: model.method.fusion?.description ?? null,
    layers: "0, 1, 2: linear, ReLU after 0 and 1",
    hidden_size: config.model.head.hidden_size,
    dropout: config.model.head.dropout,
    epoch: Number(weights.metadata.get("epoch")),
  });
  return [...written, ...heads];
}

/** How images are made: as the file says that came with the encoder, if that still leads to their size. */
async function preprocessorOf({ height, width, mean, std }: ImageSpec, kept: string): Promise<object> {
  if (exists(join(kept, PREPROCESSOR))) {
    const { spec } = await loadPreprocessor(kept);
    if (spec.height === height && spec.width === width) return readJsonObject(join(kept, PREPROCESSOR));
  }
  return preprocessorConfig(height, { mean, std });
}

function mustBeFree(path: string): void {
  if (!exists(path)) return;
  if (!Deno.statSync(path).isDirectory) throw new UserError(`Cannot export to ${path}: it is a file`);
  for (const _ of Deno.readDirSync(path)) {
    throw new UserError(`Cannot export to ${path}: it is not empty; name another folder`);
  }
}
