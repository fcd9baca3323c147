// A run as one graph of ONNX: what is written, and that the graph answers as the run does.
import assert from "node:assert/strict";
import { join } from "node:path";
import { type ExportOptions, exportRun } from "../../src/app/export_run.ts";
import { OpenRun } from "../../src/app/open_run.ts";
import { UserError } from "../../src/base/user_error.ts";
import type { TextBatch } from "../../src/data/batch.ts";
import type { SampleDataset } from "../../src/data/dataset.ts";
import { readJsonObject } from "../../src/io/json_file.ts";
import { softmaxRows } from "../../src/metrics/metrics.ts";
import type { Encoder } from "../../src/models/encoders/encoder.ts";
import type { GraphInput } from "../../src/models/encoders/inputs.ts";
import { MultimodalClassifier } from "../../src/models/multimodal_classifier.ts";
import { Parameters } from "../../src/nn/parameters.ts";
import { RunFolder } from "../../src/runs/run_folder.ts";
import { predict } from "../../src/train/evaluation.ts";
import { Learner } from "../../src/train/learner.ts";
import { trainOnTable, writeTable } from "../app/small_runs.ts";
import { temporaryFolder } from "../io/crafted.ts";
import { assertClose } from "../models/fixtures.ts";
import { readOnnx } from "../onnx/read_onnx.ts";
import { runOnnx } from "../onnx/run_onnx.ts";
import { openTestGpu } from "../open_gpu.ts";
import { keepData } from "../runs/kept.ts";
import { tinyConfig, tinyData } from "../train/tiny.ts";

const gpu = await openTestGpu();
const data = tinyData({ train: 3, validation: 3, test: 4 });

/** A run that has not learned anything, and what it says of its test samples. */
async function makeRun(folder: string, ...settings: string[]) {
  const run = RunFolder.create(join(folder, crypto.randomUUID()), tinyConfig(...settings));
  keepData(run, data);
  const learner = new Learner(gpu, run.config, data);
  run.checkpoints.saveBest(await learner.readWeights(), 7, 0.5);
  const { probabilities } = await predict(learner, data, "test");
  learner.dispose();
  return { run, probabilities };
}

/** The test samples as the graph reads them. */
async function inputsOf(set: SampleDataset) {
  const rows = Uint32Array.from({ length: set.count("test") }, (_, row) => row);
  const { modalities } = await set.batch("test", rows);
  const image = modalities.image as { pixels: Uint8Array; height: number; width: number };
  const { ids, mask, tokens } = modalities.text as TextBatch;
  const shape = [rows.length, tokens];
  return {
    "image.pixels": { shape: [rows.length, image.height, image.width, 3], data: [...image.pixels] },
    "text.input_ids": { shape, data: [...ids] },
    "text.attention_mask": { shape, data: [...mask] },
  };
}

Deno.test("a run is exported as one graph, which answers as the run does", async () => {
  using folder = temporaryFolder();
  const { run, probabilities } = await makeRun(folder.path);
  const to = join(folder.path, "out");
  const written = await exportRun(run.path, to, { format: "onnx" });
  const names = ["model.onnx", "text", "preprocessing.json", "predict.py", "answers.py", "README.md"];
  assert.deepEqual(written, names.map((name) => join(to, name)));
  const model = readOnnx(join(to, "model.onnx"));
  assert.deepEqual(model.inputs, [
    { name: "image.pixels", type: 2, shape: ["batch", 8, 8, 3] },
    { name: "text.input_ids", type: 7, shape: ["batch", "text.tokens"] },
    { name: "text.attention_mask", type: 7, shape: ["batch", "text.tokens"] },
  ]);
  assert.deepEqual(model.outputs, [
    ...["image", "text", "fusion"].map((head) => ({ name: `logits_${head}`, type: 1, shape: ["batch", 3] })),
    ...["image", "text"].map((name) => ({ name: `representation_${name}`, type: 1, shape: ["batch", 8] })),
  ]);
  const outputs = runOnnx(model, await inputsOf(data));
  for (const [head, expected] of probabilities) {
    assertClose(head, softmaxRows(Float32Array.from(outputs[`logits_${head}`]!.data), 3), expected);
  }

  const { inputs, ...about } = readJsonObject(join(to, "preprocessing.json"));
  assert.deepEqual(about, {
    unis: about.unis,
    data: "tiny",
    method: run.config.method,
    epoch: 7,
    precision: "f32",
    task: "classification",
    classes: data.classes,
    heads: ["image", "text", "fusion"],
    temperatures: {},
    representations: about.representations,
  });
  assert.deepEqual(inputs, {
    image: {
      kind: "image",
      height: 8,
      width: 8,
      background: "white",
      filter: "bilinear",
      resize: { height: 8, width: 8 },
    },
    text: { kind: "text", tokenizer: "text/tokenizer.json", max_tokens: 8, first_id: 2, last_id: 3 },
  });
  assert.ok("model" in readJsonObject(join(to, "text", "tokenizer.json")));
});

Deno.test("a piece beyond the vocabulary is the unknown one to the graph", async () => {
  using folder = temporaryFolder();
  const { run } = await makeRun(folder.path);
  const to = join(folder.path, "out");
  await exportRun(run.path, to, { format: "onnx" });
  const model = readOnnx(join(to, "model.onnx"));
  const inputs = await inputsOf(data);
  const ids = inputs["text.input_ids"];
  const withThird = (id: number) => ({
    ...inputs,
    "text.input_ids": { ...ids, data: ids.data.map((one, i) => i === 2 ? id : one) },
  });
  const [beyond, unknown, known] = [9, 1, 4].map((id) => runOnnx(model, withThird(id)).logits_text!.data);
  assert.deepEqual(beyond, unknown);
  assert.notDeepEqual(beyond, known);
});

Deno.test("a graph takes numbers as measured: their ranges are in it, and what never varied in training is 0", async () => {
  using folder = temporaryFolder();
  const values = (i: number) => [i % 3 + i / 40, 1000 - 7 * i, i < 24 ? 7 : 9]; // the last varies in the test alone
  const rows = Array.from({ length: 36 }, (_, i) => {
    const split = i < 24 ? "train" : i < 30 ? "validation" : "test";
    return [`s${i}`, ...values(i).map(String), ["red", "green", "blue"][i % 3]!, split];
  });
  writeTable(join(folder.path, "items.csv"), [["id", "a", "b", "constant", "label", "split"], ...rows]);
  const run = await trainOnTable(gpu, folder.path, [
    'data.modalities={"lab":{"features":["a","b","constant"]}}',
    ...["label", "split", "id"].map((column) => `data.${column}=${column}`),
    ...["training.epochs=1", "training.batch=12", "training.micro_batch=12", "method=lab"],
  ]);
  const { dataset } = await (await OpenRun.open(run)).openData("test", () => {});
  const learner = new Learner(gpu, RunFolder.open(run).config, dataset);
  learner.writeWeights(RunFolder.open(run).checkpoints.loadBest().weights, "best");
  const { probabilities } = await predict(learner, dataset, "test");
  learner.dispose();
  const to = join(folder.path, "out");
  await exportRun(run, to, { format: "onnx" });
  const model = readOnnx(join(to, "model.onnx"));
  assert.deepEqual(model.inputs, [{ name: "lab.values", type: 1, shape: ["batch", 3] }]);
  const data = Array.from({ length: 6 }, (_, i) => values(30 + i)).flat();
  const { logits_lab } = runOnnx(model, { "lab.values": { shape: [6, 3], data } });
  assertClose("lab", softmaxRows(Float32Array.from(logits_lab!.data), 3), probabilities.get("lab")!);
  const { inputs } = readJsonObject(join(to, "preprocessing.json"));
  assert.deepEqual(inputs, { lab: { kind: "features", columns: ["a", "b", "constant"] } });
});

Deno.test("a run of one modality is a graph of that alone", async () => {
  using folder = temporaryFolder();
  const { run, probabilities } = await makeRun(folder.path, "method=text");
  const to = join(folder.path, "out");
  await exportRun(run.path, to, { format: "onnx", precision: "f16" });
  const model = readOnnx(join(to, "model.onnx"));
  assert.deepEqual(model.inputs.map(({ name }) => name), ["text.input_ids", "text.attention_mask"]);
  assert.deepEqual(model.outputs.map(({ name, type }) => [name, type]), [
    ["logits_text", 1],
    ["representation_text", 1],
  ]);
  // Heads stay in f32, as in training.
  const typeOf = (
    pattern: RegExp,
  ) => [...new Set(model.tensors.filter(({ name }) => pattern.test(name)).map((one) => one.type))];
  assert.deepEqual([typeOf(/^text\./), typeOf(/^heads\./)], [[10], [1]]);
  const { "image.pixels": _, ...inputs } = await inputsOf(data);
  const logits = Float32Array.from(runOnnx(model, inputs).logits_text!.data);
  const expected = probabilities.get("text")!;
  assert.ok(softmaxRows(logits, 3).every((p, i) => Math.abs(p - expected[i]!) < 1e-2));
});

Deno.test("exports that cannot be are told in one line", async () => {
  using folder = temporaryFolder();
  const { run } = await makeRun(folder.path);
  const to = join(folder.path, "out");
  const cases: [ExportOptions, RegExp][] = [
    [{ format: "tflite" }, /Cannot export as "tflite": formats are transformers, onnx$/],
    [{ precision: "f16" }, /Cannot export as transformers in f16: only --format onnx has it/],
  ];
  for (const [options, message] of cases) {
    await assert.rejects(
      exportRun(run.path, to, options),
      (error) => error instanceof UserError && message.test(error.message),
    );
  }
  const path = new Parameters().root;
  const bag: Encoder = {
    hiddenSize: 2,
    inputs: { text: "text" },
    upload: () => ({}),
    represent: () => assert.fail(),
  };
  const model = new MultimodalClassifier(path, { text: () => bag }, {
    method: "text",
    classifier: { classes: 2 },
  });
  assert.throws(
    () => model.toOnnx({ text: {} as GraphInput }),
    (error) =>
      error instanceof UserError &&
      error.message === 'Cannot export to ONNX: the encoder "text" does not say how (it has no toOnnx). ' +
          "Export to transformers",
  );
});
