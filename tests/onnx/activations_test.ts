// Every activation after a linear layer, as a graph of ONNX: written, read again, run by the oracle, and held against the ops.
import { join } from "node:path";
import { Random } from "../../src/base/random.ts";
import { writeOnnx } from "../../src/io/onnx_file.ts";
import { normal } from "../../src/nn/initializers.ts";
import { Linear } from "../../src/nn/linear.ts";
import { Parameters } from "../../src/nn/parameters.ts";
import { OnnxGraph } from "../../src/onnx/graph.ts";
import { ACTIVATION_NAMES } from "../../src/ops/activations.ts";
import { capture } from "../../src/tensor/scope.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { temporaryFolder } from "../io/crafted.ts";
import { assertClose } from "../models/fixtures.ts";
import { openTestGpu } from "../open_gpu.ts";
import { readOnnx } from "./read_onnx.ts";
import { runOnnx } from "./run_onnx.ts";

const gpu = await openTestGpu();

for (const activation of ACTIVATION_NAMES) {
  Deno.test(`a linear layer and ${activation} give in a graph of ONNX what they give on the device`, async () => {
    using folder = temporaryFolder();
    const random = new Random(1);
    const parameters = new Parameters();
    const layer = new Linear(parameters.root.at("layer"), 5, 8, { initializer: normal(1) });
    parameters.allocate(gpu, 0);
    const x = Float32Array.from({ length: 4 * 5 }, () => random.between(-2, 2));
    const input = Tensor.from(gpu, x, [4, 5]);
    const y = capture(() => layer.forward(input, activation));
    const expected = await y.read() as Float32Array;

    const graph = new OnnxGraph();
    graph.output("y", layer.toOnnx(graph.input("x", "float32", ["rows", 5]), activation), ["rows", 8]);
    const values = await parameters.read();
    for (const owner of [input, y, parameters]) owner.dispose();
    const path = join(folder.path, "layer.onnx");
    writeOnnx(path, graph, { read: (name) => values.get(name)!, version: "0", metadata: {} });
    assertClose(
      activation,
      runOnnx(readOnnx(path), { x: { shape: [4, 5], data: [...x] } }).y!.data,
      expected,
    );
  });
}
