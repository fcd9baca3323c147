// The model of every method that fuses representations, as a graph of ONNX, against the model itself; with representations
// that are projected, and with classifiers of one layer.
import assert from "node:assert/strict";
import { join } from "node:path";
import { Random } from "../../src/base/random.ts";
import { writeOnnx } from "../../src/io/onnx_file.ts";
import { mlp } from "../../src/models/encoders/mlp.ts";
import { methods } from "../../src/models/methods/registry.ts";
import { MultimodalClassifier } from "../../src/models/multimodal_classifier.ts";
import { EVALUATION } from "../../src/nn/context.ts";
import { type ModulePath, Parameters } from "../../src/nn/parameters.ts";
import { OnnxGraph } from "../../src/onnx/graph.ts";
import { scope } from "../../src/tensor/scope.ts";
import { readTensors } from "../../src/tensor/tensor.ts";
import { logitsOf, representationsOf } from "../../src/train/predictor.ts";
import { temporaryFolder } from "../io/crafted.ts";
import { assertClose } from "../models/fixtures.ts";
import { openTestGpu } from "../open_gpu.ts";
import { readOnnx } from "./read_onnx.ts";
import { runOnnx } from "./run_onnx.ts";

const gpu = await openTestGpu();
const [BATCH, WIDTH, CLASSES] = [3, 5, 4];
const NAMES = ["a", "b"] as const;
/** Which of the samples have a modality, where some lack it. */
const PRESENT = { a: [1, 1, 0], b: [1, 0, 1] };

for (const { name: method, reads, skipsMissing } of methods()) {
  if (reads !== undefined) continue;
  // The towers of huse are projections already.
  const isProjected = method !== "huse";
  for (
    const [how, projection, layers, missing] of [
      ["", undefined, 3, undefined],
      [", projected, one layer", isProjected ? 6 : undefined, 1, undefined],
      ...(skipsMissing
        ? [[", with modalities missing", undefined, 3, "learned"], [
          ", with zeros for some",
          6,
          1,
          "zeros",
        ]] as const
        : []),
    ] as const
  ) {
    Deno.test(`the model of ${method} as a graph of ONNX answers as it does itself${how}`, async () => {
      using folder = temporaryFolder();
      const random = new Random(3);
      const parameters = new Parameters();
      const build = (name: string, i: number) => (path: ModulePath) =>
        mlp.build(
          path,
          mlp.configure({
            input_size: WIDTH,
            hidden_size: projection === undefined ? 8 : 8 + i,
            num_hidden_layers: 1,
          }),
          { features: { kind: "features", name, width: WIDTH } },
        );
      const encoders = Object.fromEntries(NAMES.map((name, i) => [name, build(name, i)]));
      const model = new MultimodalClassifier(parameters.root, encoders, {
        method,
        classifier: { classes: CLASSES, hidden_size: 7, layers },
        ...(projection !== undefined && { projection }),
        ...(missing && { missing }),
      });
      parameters.allocate(gpu, 5);
      if (missing === "learned") parameters.write("heads.missing.b", new Float32Array(8).fill(0.3));
      const graph = new OnnxGraph("float32");
      const inputs = Object.fromEntries(
        NAMES.map((
          name,
        ) => [name, {
          kind: "features" as const,
          values: graph.input(name, "float32", ["batch", WIDTH]),
          ...(missing && { present: graph.input(`${name}.present`, "float32", ["batch", 1]) }),
        }]),
      );
      const { representations, logits } = model.toOnnx(inputs);
      for (const [name, value] of Object.entries(logits)) {
        graph.output(`logits_${name}`, value, ["batch", CLASSES]);
      }
      for (const [name, value] of Object.entries(representations)) {
        graph.output(`representation_${name}`, value, ["batch", model.widths[name]!]);
      }
      const values = await parameters.read();
      const path = join(folder.path, "model.onnx");
      writeOnnx(path, graph, { read: (name) => values.get(name)!, version: "0", metadata: {} });

      const data = NAMES.map((name) =>
        [name, Array.from({ length: BATCH * WIDTH }, () => random.between(-2, 2))] as const
      );
      const host = Object.fromEntries(
        data.map((
          [name, own],
        ) => [name, {
          kind: "features" as const,
          values: Float32Array.from(own.filter((_, k) => !missing || PRESENT[name][Math.floor(k / WIDTH)])),
          width: WIDTH,
          ...(missing && { present: Uint32Array.from(PRESENT[name]) }),
        }]),
      );
      const tensors = scope(() => {
        const outputs = model.forward(model.upload(gpu, host), EVALUATION);
        return { logits: logitsOf(outputs), representations: representationsOf(outputs) };
      });
      const found = runOnnx(
        readOnnx(path),
        Object.fromEntries(data.flatMap(([name, own]) => [
          [name, { shape: [BATCH, WIDTH], data: own }],
          ...(missing ? [[`${name}.present`, { shape: [BATCH, 1], data: PRESENT[name] }]] : []),
        ])),
      );
      assert.deepEqual(Object.keys(tensors.logits), model.heads);
      for (const [name, tensor] of Object.entries(tensors.logits)) {
        assertClose(`logits of ${name}`, found[`logits_${name}`]!.data, (await readTensors([tensor]))[0]!);
      }
      for (const name of Object.keys(representations)) {
        const [expected] = await readTensors([tensors.representations[name]!]);
        assertClose(`representation of ${name}`, found[`representation_${name}`]!.data, expected!);
      }
      parameters.dispose();
    });
  }
}
