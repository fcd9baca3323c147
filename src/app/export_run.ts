/** Writes a run as other programs load it: encoders for `transformers`, heads, and a script that predicts. */
import { basename, join } from "node:path";
import { UserError } from "../base/user_error.ts";
import { VERSION } from "../base/version.ts";
import { buildModel } from "../build/build_model.ts";
import { exportEncoder, exportTensors, preprocessorConfig, type UnknownPieces } from "../build/hf_export.ts";
import { separateUnknown } from "../build/export_vocabulary.ts";
import predictPy from "../build/predict.py" with { type: "text" };
import { type ResolvedEncoder, resolveEncoders } from "../build/resolve_encoders.ts";
import { loadPreprocessor } from "../data/images/preprocessor.ts";
import type { ImagePreprocessing, ModalityPreprocessing } from "../data/preprocessing.ts";
import { exists, makeFolder } from "../io/files.ts";
import { writeTextFile } from "../io/file_bytes.ts";
import { TOKENIZER_FILES } from "../io/hub_files.ts";
import { readJsonObject, writeJsonFile } from "../io/json_file.ts";
import type { TensorFile } from "../io/safetensors.ts";
import type { EncoderType } from "../models/encoders/encoder.ts";
import type { InputKind } from "../models/encoders/inputs.ts";
import { concatenation } from "../models/methods/fusion.ts";
import type { Method } from "../models/methods/method.ts";
import { Parameters } from "../nn/parameters.ts";
import { modalityFolder } from "../runs/preprocessing.ts";
import type { RunFolder } from "../runs/run_folder.ts";
import { sameShape, showShape } from "../tensor/shape.ts";
import { OpenRun } from "./open_run.ts";

const PREPROCESSOR = "preprocessor_config.json";
const TOKENIZER = "tokenizer.json";

/**
 * Writes the best weights of a run below `to`: a folder for each encoder, which `transformers` loads, with all that makes
 * its inputs (tokenizer, preprocessor, ranges of features); heads.safetensors and heads.json; and predict.py, which goes
 * from image files and texts to probabilities, and is left out where an encoder or a fusion of one's own is beyond it, of
 * which `note` is told. Gives the paths written. Needs neither data nor a device. Throws a UserError where the run has no
 * weights yet, or damaged ones, or there is something at `to`.
 */
export async function exportRun(
  folder: string,
  to: string,
  note: (message: string) => void = () => {},
): Promise<string[]> {
  const { run, kept: { preprocessing }, modelData } = await OpenRun.open(folder);
  const { config } = run;
  using weights = run.checkpoints.openBest();
  mustBeFree(to);
  const parameters = new Parameters();
  const model = buildModel(parameters.root, config, modelData);
  mustBeOf(parameters, weights);
  makeFolder(to);
  const encoders = resolveEncoders(config, modelData);
  const written: string[] = [];
  for (const encoder of encoders) {
    const path = join(to, encoder.name);
    await writeEncoder(path, encoder, run, preprocessing.modalities, weights);
    written.push(path);
  }
  const [tensors, heads, script] = [
    join(to, "heads.safetensors"),
    join(to, "heads.json"),
    join(to, "predict.py"),
  ];
  exportTensors(tensors, weights, "heads.");
  writeJsonFile(heads, {
    unis: VERSION,
    data: modelData.name,
    method: config.method,
    classes: modelData.classes,
    // Heads are named by these, and "fusion" where there is one.
    modalities: model.modalities,
    inputs: Object.fromEntries(encoders.map(({ name, type }) => [name, kindOf(type) ?? type.inputs])),
    representations: Object.fromEntries(encoders.map(({ name, type }) => [name, type.representation])),
    fusion: model.method.fusion?.description ?? null,
    layers: "0, 1, 2: linear, ReLU after 0 and 1",
    hidden_size: config.model.head.hidden_size,
    dropout: config.model.head.dropout,
    epoch: Number(weights.metadata.get("epoch")),
  });
  written.push(tensors, heads);
  const beyond = beyondScript(model.method, encoders);
  if (beyond !== undefined) note(`${script} is left out: it cannot do ${beyond}`);
  else {
    writeTextFile(script, predictPy);
    written.push(script);
  }
  return written;
}

/** The kind of an encoder's only input. */
function kindOf({ inputs }: EncoderType): InputKind | undefined {
  const [kind, ...others] = Object.values(inputs);
  return others.length === 0 ? kind : undefined;
}

/** The reason why predict.py cannot do as the run does; undefined where it can. */
function beyondScript({ fusion }: Method, encoders: readonly ResolvedEncoder[]): string | undefined {
  if (fusion !== undefined && fusion !== concatenation) return `the fusion "${fusion.description}"`;
  const own = encoders.find(({ type }) => {
    const { architecture, isLinearLayers = false } = type.exported;
    return kindOf(type) === undefined || (architecture === undefined && !isLinearLayers);
  });
  return own && own.type.title;
}

async function writeEncoder(
  path: string,
  { name, type, config, specs }: ResolvedEncoder,
  run: RunFolder,
  modalities: readonly ModalityPreprocessing[],
  weights: TensorFile,
): Promise<void> {
  const companions: Record<string, object> = {};
  const copied: string[] = [];
  let unknown: UnknownPieces | undefined;
  for (const spec of Object.values(specs)) {
    const kept = modalityFolder(run, spec.name);
    const fitted = modalities.find((modality) => modality.name === spec.name)!;
    if (fitted.kind === "image") companions[PREPROCESSOR] = await preprocessorOf(fitted, kept);
    if (fitted.kind === "features") {
      const { columns, minimum, maximum } = fitted;
      companions["features.json"] = { columns, minimum: [...minimum], maximum: [...maximum] };
    }
    if (fitted.kind !== "text") continue;
    copied.push(...TOKENIZER_FILES.map((file) => join(kept, file)).filter(exists));
    if (!fitted.isFitted || type.exported.wordEmbeddings === undefined) continue;
    const separate = separateUnknown(readJsonObject(join(kept, TOKENIZER)), fitted.tokenizer);
    unknown = separate;
    companions[TOKENIZER] = separate.json;
  }
  exportEncoder(path, { config, weights, prefix: `${name}.`, companions, ...(unknown && { unknown }) });
  for (const file of copied) {
    const target = join(path, basename(file));
    if (!(basename(file) in companions)) Deno.copyFileSync(file, target);
  }
}

/** Throws a UserError where the weights are not those of this model. */
function mustBeOf(parameters: Parameters, { path, tensors }: TensorFile): void {
  for (const { name, shape } of parameters) {
    const stored = tensors.get(name)?.shape;
    if (stored !== undefined && sameShape(stored, shape)) continue;
    const found = stored === undefined ? "missing" : `${showShape(stored)}, not ${showShape(shape)}`;
    throw new UserError(`Cannot export ${path}: ${name} is ${found}`);
  }
}

/** How images are made: as the file says that came with the encoder, if that still leads to their size. */
async function preprocessorOf(
  { height, width, mean, std }: ImagePreprocessing,
  kept: string,
): Promise<object> {
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
