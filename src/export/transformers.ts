/** Exports for `transformers`: a folder for each encoder, heads, and a script that predicts. */
import { join } from "node:path";
import { VERSION } from "../base/version.ts";
import type { ResolvedEncoder } from "../build/resolve_encoders.ts";
import { loadPreprocessor } from "../data/images/preprocessor.ts";
import type { ImagePreprocessing } from "../data/preprocessing.ts";
import { exists } from "../io/files.ts";
import { writeTextFile } from "../io/new_file.ts";
import { readJsonObject, writeJsonFile } from "../io/json_file.ts";
import { modalityFolder } from "../runs/preprocessing.ts";
import type { EncoderType } from "../models/encoders/encoder.ts";
import type { InputKind } from "../models/encoders/inputs.ts";
import { concatenation } from "../models/methods/fusion.ts";
import { architectureOf, fuses, type Method } from "../models/methods/method.ts";
import { describeTask, type ExportSource } from "./export_format.ts";
import { poolingOf, representationOf } from "../models/encoders/pooling.ts";
import { exportEncoder, exportTensors, preprocessorConfig, type UnknownPieces } from "./export_encoder.ts";
import { writeModules } from "./export_modules.ts";
import { writeTokenizer } from "./export_tokenizer.ts";
import predictPy from "./predict_transformers.py" with { type: "text" };

const PREPROCESSOR = "preprocessor_config.json";

/**
 * A folder for each encoder, which `transformers` loads, with all that makes its inputs (tokenizer, preprocessor, ranges of
 * features); heads.safetensors and heads.json; and predict.py, which goes from image files and texts to probabilities, and
 * is left out where an encoder or a fusion of one's own is beyond it.
 */
export async function writeTransformers(source: ExportSource, to: string): Promise<string[]> {
  const { encoders, model, weights, note } = source;
  const written: string[] = [];
  for (const encoder of encoders) {
    const path = join(to, encoder.name);
    await writeEncoder(path, encoder, source);
    written.push(path);
  }
  const [tensors, heads, script] = [
    join(to, "heads.safetensors"),
    join(to, "heads.json"),
    join(to, "predict.py"),
  ];
  exportTensors(tensors, weights, "heads.");
  writeJsonFile(heads, describeHeads(source));
  written.push(tensors, heads);
  const beyond = beyondScript(model.method, encoders);
  if (beyond !== undefined) note(`${script} is left out: it cannot do ${beyond}`);
  else {
    writeTextFile(script, predictPy);
    written.push(script, ...writeModules(to, encoders.flatMap(({ specs }) => Object.values(specs))));
  }
  return written;
}

/** The kind of an encoder's only input. */
function kindOf({ inputs }: EncoderType): InputKind | undefined {
  const [kind, ...others] = Object.values(inputs);
  return others.length === 0 ? kind : undefined;
}

/** The reason why predict.py cannot do as the run does; undefined where it can. */
function beyondScript(
  { fusion, architecture }: Method,
  encoders: readonly ResolvedEncoder[],
): string | undefined {
  if (fusion !== undefined && fusion !== concatenation) return `the fusion "${fusion.description}"`;
  if (architecture !== undefined) return `the fusion "${architecture.description}"`;
  const own = encoders.find(({ type }) => {
    const { architecture, isLinearLayers = false } = type.exported;
    return kindOf(type) === undefined || (architecture === undefined && !isLinearLayers);
  });
  return own && own.type.title;
}

function describeHeads(
  { run: { config }, preprocessing, encoders, model, weights, temperatures }: ExportSource,
): object {
  return {
    unis: VERSION,
    data: preprocessing.dataset,
    method: config.method,
    ...describeTask(preprocessing),
    classes: preprocessing.classes,
    // Heads are named by these, and "fusion" where there is one.
    modalities: model.modalities,
    inputs: Object.fromEntries(encoders.map(({ name, type }) => [name, kindOf(type) ?? type.inputs])),
    representations: Object.fromEntries(encoders.map((encoder) => [encoder.name, representationOf(encoder)])),
    // Of the results of the classes of `transformers`.
    pooling: Object.fromEntries(encoders.map((encoder) => [encoder.name, poolingOf(encoder)])),
    // What lies under transparent pixels of the images of an encoder.
    background: Object.fromEntries(
      encoders.flatMap(({ name, specs }) =>
        Object.values(specs).flatMap((spec) => {
          const fitted = preprocessing.modalities.find((modality) => modality.name === spec.name);
          return fitted?.kind === "image" ? [[name, fitted.preparation.background ?? "white"]] : [];
        })
      ),
    ),
    fusion: fuses(model.method) ? architectureOf(model.method).description : null,
    layers: "0, 1, ...: linear, ReLU between them",
    // What logits are divided by before the softmax; 1 for a head that is not named.
    temperatures,
    hidden_size: config.model.head.hidden_size,
    dropout: config.model.head.dropout,
    epoch: Number(weights.metadata.get("epoch")),
  };
}

async function writeEncoder(
  path: string,
  { name, type, config, specs }: ResolvedEncoder,
  { run, preprocessing: { modalities }, weights }: ExportSource,
): Promise<void> {
  const companions: Record<string, object> = {};
  let unknown: UnknownPieces | undefined;
  for (const spec of Object.values(specs)) {
    const fitted = modalities.find((modality) => modality.name === spec.name)!;
    if (fitted.kind === "image") {
      companions[PREPROCESSOR] = await preprocessorOf(fitted, modalityFolder(run, spec.name));
    }
    if (fitted.kind === "features") {
      const { columns, minimum, maximum, cells } = fitted;
      companions["features.json"] = {
        columns,
        minimum: [...minimum],
        maximum: [...maximum],
        ...(cells && { cells }),
      };
    }
    if (fitted.kind !== "text") continue;
    const separates = type.exported.wordEmbeddings !== undefined;
    unknown = writeTokenizer(path, run, fitted, { separates });
  }
  exportEncoder(path, { config, weights, prefix: `${name}.`, companions, ...(unknown && { unknown }) });
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
