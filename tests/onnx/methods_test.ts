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

for (const { name: method, reads } of methods()) {
  if (reads !== undefined) continue;
  // The towers of huse are projections already.
  const isProjected = method !== "huse";
  for (
    const [how, projection, layers] of [["", undefined, 3], [
      ", projected, one layer",
      isProjected ? 6 : undefined,
      1,
    ]] as const
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
      });
      parameters.allocate(gpu, 5);
      const graph = new OnnxGraph("float32");
      const inputs = Object.fromEntries(
        NAMES.map((
          name,
        ) => [name, { kind: "features" as const, values: graph.input(name, "float32", ["batch", WIDTH]) }]),
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
        ) => [name, { kind: "features" as const, values: Float32Array.from(own), width: WIDTH }]),
      );
      const tensors = scope(() => {
        const outputs = model.forward(model.upload(gpu, host), EVALUATION);
        return { logits: logitsOf(outputs), representations: representationsOf(outputs) };
      });
      const found = runOnnx(
        readOnnx(path),
        Object.fromEntries(data.map(([name, own]) => [name, { shape: [BATCH, WIDTH], data: own }])),
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
