/** Exports for ONNX Runtime and its like: the whole model as one graph, from pixels, token ids and numbers to logits. */
import { join } from "node:path";
import { VERSION } from "../base/version.ts";
import type {
  FeaturePreprocessing,
  ImagePreprocessing,
  ModalityPreprocessing,
} from "../data/preprocessing.ts";
import { writeTextFile } from "../io/new_file.ts";
import { writeJsonFile } from "../io/json_file.ts";
import { writeOnnx } from "../io/onnx_file.ts";
import { representationOf } from "../models/encoders/pooling.ts";
import type { GraphInput } from "../models/encoders/inputs.ts";
import { OnnxGraph, type Value } from "../onnx/graph.ts";
import * as ops from "../onnx/operators.ts";
import { describeTask, type ExportSource } from "./export_format.ts";
import { TOKENIZER, writeTokenizer } from "./export_tokenizer.ts";
import { writeModules } from "./export_modules.ts";
import predictPy from "./predict_onnx.py" with { type: "text" };

const MODEL = "model.onnx";
const PREPROCESSING = "preprocessing.json";
const PREDICT = "predict.py";
const PRECISIONS = { f32: "float32", f16: "float16" } as const;

/**
 * model.onnx, with model.onnx.data where it is beyond 2 GB; preprocessing.json and a folder with the tokenizer of each text,
 * which make its inputs; and predict.py, which goes from image files and texts to probabilities.
 */
export function writeOnnxExport(source: ExportSource, to: string): string[] {
  const { run, preprocessing: { classes }, weights } = source;
  const texts = modalitiesOf(source).filter((modality) => modality.kind === "text");
  for (const text of texts) writeTokenizer(join(to, text.name), run, text);
  const files = writeOnnx(join(to, MODEL), graphOf(source), {
    read: (parameter) => weights.readFloat32(parameter),
    version: VERSION,
    metadata: { classes: JSON.stringify(classes) },
  });
  writeJsonFile(join(to, PREPROCESSING), describe(source));
  return [
    ...files,
    ...[...texts.map(({ name }) => name), PREPROCESSING].map((name) => join(to, name)),
    ...writeScript(source, to),
  ];
}

/** predict.py and the modules that it uses; nothing, and why, where samples may lack modalities. Gives the paths written. */
function writeScript(source: ExportSource, to: string): string[] {
  if (source.model.config.missing !== undefined) {
    source.note(`${PREDICT} is left out: it cannot say that a sample lacks a modality`);
    return [];
  }
  const script = join(to, PREDICT);
  writeTextFile(script, predictPy);
  return [script, ...writeModules(to, modalitiesOf(source))];
}

/** The modalities that the encoders read; of a run that learns from one alone, the others are of no use. */
function modalitiesOf(
  { preprocessing: { modalities }, encoders }: Pick<ExportSource, "preprocessing" | "encoders">,
): ModalityPreprocessing[] {
  const read = new Set(encoders.flatMap(({ specs }) => Object.values(specs).map(({ name }) => name)));
  return modalities.filter(({ name }) => read.has(name));
}

/** The graph of a run. Inputs are `<modality>.pixels` and so on, outputs `logits_<head>` and `representation_<encoder>`. */
export function graphOf(
  source: Pick<ExportSource, "preprocessing" | "encoders" | "model" | "precision">,
): OnnxGraph {
  const { model, preprocessing: { classes }, precision } = source;
  const graph = new OnnxGraph(PRECISIONS[precision]);
  const inputs = modalitiesOf(source).map((modality) =>
    [modality.name, { ...declareInput(graph, modality), ...declarePresence(graph, modality, model) }] as const
  );
  const { representations, logits } = model.toOnnx(Object.fromEntries(inputs));
  for (const [head, value] of Object.entries(logits)) {
    graph.output(`logits_${head}`, value, ["batch", classes.length]);
  }
  for (const [encoder, value] of Object.entries(representations)) {
    graph.output(`representation_${encoder}`, value, ["batch", model.widths[encoder]!]);
  }
  return graph;
}

/** The input that says who has a modality, where some may lack it. */
function declarePresence(
  graph: OnnxGraph,
  { name }: ModalityPreprocessing,
  { config }: Pick<ExportSource["model"], "config">,
): Pick<GraphInput, "present"> {
  if (config.missing === undefined) return {};
  return { present: graph.input(`${name}.present`, "float32", ["batch", 1]) };
}

/** The input of a modality, and what is fitted to it. */
function declareInput(graph: OnnxGraph, modality: ModalityPreprocessing): GraphInput {
  const { name, kind } = modality;
  if (kind === "image") {
    const { height, width } = modality;
    const bytes = graph.input(`${name}.pixels`, "uint8", ["batch", height, width, 3]);
    return { kind, pixels: normalised(bytes, modality) };
  }
  if (kind === "features") {
    const values = graph.input(`${name}.values`, "float32", ["batch", modality.columns.length]);
    return { kind, values: scaled(values, modality) };
  }
  const shape = ["batch", `${name}.tokens`];
  const ids = graph.input(`${name}.input_ids`, "int64", shape);
  const mask = graph.input(`${name}.attention_mask`, "int64", shape);
  const { unknownId, vocabularySize } = modality.tokenizer;
  // The exported tokenizer gives pieces that no training text had ids beyond the vocabulary: the model reads [UNK].
  const isBeyond = ops.atLeast(ids, ops.scalar(vocabularySize, ids));
  return { kind, ids: modality.isFitted ? ops.where(isBeyond, ops.scalar(unknownId, ids), ids) : ids, mask };
}

/** (byte / 255 - mean) / std, by channel. */
function normalised(bytes: Value, { mean, std }: ImagePreprocessing): Value {
  const pixels = ops.cast(bytes, "float32");
  const channels = (values: readonly number[]) => bytes.graph.constant(values, "float32");
  const unit = ops.divide(pixels, ops.scalar(255, pixels));
  return ops.divide(ops.subtract(unit, channels(mean)), channels(std));
}

/** (x - minimum) / (maximum - minimum), 0 for a feature that never varied in training. */
function scaled(values: Value, { minimum, maximum }: FeaturePreprocessing): Value {
  const { graph } = values;
  const factors = Array.from(maximum, (high, column) => {
    const range = high - minimum[column]!;
    return range > 0 ? 1 / range : 0;
  });
  const above = ops.subtract(values, graph.constant([...minimum], "float32"));
  return ops.multiply(above, graph.constant(factors, "float32"));
}

/** All that a program needs to make inputs of image files, texts and numbers, and to name what comes out. */
function describe(source: ExportSource): object {
  const { run: { config }, preprocessing, encoders, model, weights } = source;
  const { dataset, classes } = preprocessing;
  const { precision, temperatures } = source;
  return {
    unis: VERSION,
    data: dataset,
    method: config.method,
    epoch: Number(weights.metadata.get("epoch")),
    precision,
    ...describeTask(preprocessing),
    classes,
    // Each has an output logits_<head>; the last gives the answer of the model.
    heads: model.heads,
    // Each modality has an input that is 1 where a sample has it, else 0.
    ...(model.config.missing && { may_lack: true }),
    // What these are divided by before the softmax; 1 for a head that is not named.
    temperatures,
    representations: Object.fromEntries(encoders.map((encoder) => [encoder.name, representationOf(encoder)])),
    inputs: Object.fromEntries(
      modalitiesOf(source).map((modality) => [modality.name, describeInput(modality)]),
    ),
  };
}

function describeInput(modality: ModalityPreprocessing): object {
  const { name, kind } = modality;
  if (kind === "features") {
    const { columns, cells } = modality;
    return { kind, columns, ...(cells && { cells }) };
  }
  if (kind === "text") {
    const { maxTokens, tokenizer: { classId, separatorId } } = modality;
    return {
      kind,
      tokenizer: `${name}/${TOKENIZER}`,
      max_tokens: maxTokens,
      first_id: classId,
      last_id: separatorId,
    };
  }
  const { height, width, preparation: { background = "white", filter, resize, crop } } = modality;
  return {
    kind,
    height,
    width,
    background,
    filter,
    ...(resize && { resize: "height" in resize ? resize : { shortest_edge: resize.shortestEdge } }),
    ...(crop && { crop }),
  };
}
