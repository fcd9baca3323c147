// Convolutions and pooling as graphs of ONNX: written, read again, run by the oracle, and held against the ops.
import { join } from "node:path";
import { writeOnnx } from "../../src/io/onnx_file.ts";
import { OnnxGraph, type Value } from "../../src/onnx/graph.ts";
import * as onnx from "../../src/onnx/operators.ts";
import { conv2d } from "../../src/ops/conv.ts";
import { adaptiveAvgPool2d, avgPool2d, maxPool2d } from "../../src/ops/pool.ts";
import { capture } from "../../src/tensor/scope.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { temporaryFolder } from "../io/crafted.ts";
import { assertClose } from "../models/fixtures.ts";
import { openTestGpu } from "../open_gpu.ts";
import { generator } from "../ops/table.ts";
import { readOnnx } from "./read_onnx.ts";
import { runOnnx } from "./run_onnx.ts";

const gpu = await openTestGpu();
const SHAPE = [2, 7, 6, 4] as const;
const [batch, height, width, channels] = SHAPE;
const random = generator(5);
const draw = (size: number) => Float32Array.from({ length: size }, () => 2 * random() - 1);

interface Case {
  readonly op: (x: Tensor, ...weights: Tensor[]) => Tensor;
  readonly graph: (x: Value, ...weights: Value[]) => Value;
  readonly weights?: readonly (readonly number[])[];
}

const strided = { stride: 2, padding: 1 };

const CASES: Readonly<Record<string, Case>> = {
  "conv2d with a bias": {
    op: (x, weight, bias) => conv2d(x, weight!, { bias, padding: 1 }),
    graph: (x, weight, bias) =>
      onnx.convolve(x, { value: weight!, kernel: 3 }, bias, { stride: 1, padding: 1, groups: 1 }),
    weights: [[8, 4, 3, 3], [8]],
  },
  "conv2d, strided, in groups": {
    op: (x, weight) => conv2d(x, weight!, { ...strided, groups: 2 }),
    graph: (x, weight) =>
      onnx.convolve(x, { value: weight!, kernel: 3 }, undefined, { ...strided, groups: 2 }),
    weights: [[6, 2, 3, 3]],
  },
  "maxPool2d": {
    op: (x) => maxPool2d(x, { kernel: 3, ...strided }),
    graph: (x) => onnx.maxPool(x, 3, strided),
  },
  "avgPool2d": {
    op: (x) => avgPool2d(x, { kernel: 3, ...strided }),
    graph: (x) => onnx.averagePool(x, 3, strided),
  },
  "adaptiveAvgPool2d to one bin": {
    op: (x) => adaptiveAvgPool2d(x, [1, 1]),
    graph: onnx.globalAveragePool,
  },
};

for (const [name, { op, graph: inGraph, weights = [] }] of Object.entries(CASES)) {
  Deno.test(`${name} gives in a graph of ONNX what it gives on the device`, async () => {
    using folder = temporaryFolder();
    const pixels = draw(batch * height * width * channels);
    const values = weights.map((shape) => draw(shape.reduce((a, b) => a * b, 1)));
    const tensors = [
      Tensor.from(gpu, pixels, SHAPE),
      ...values.map((data, i) => Tensor.from(gpu, data, weights[i]!)),
    ];
    const y = capture(() => op(tensors[0]!, ...tensors.slice(1)));
    const expected = await y.read() as Float32Array;

    const graph = new OnnxGraph();
    const x = onnx.transpose(graph.input("x", "float32", SHAPE), [0, 3, 1, 2]);
    const given = weights.map((shape, i) => graph.weight({ name: `${i}`, shape }, "float32"));
    graph.output("y", onnx.transpose(inGraph(x, ...given), [0, 2, 3, 1]), y.shape);
    const path = join(folder.path, "images.onnx");
    writeOnnx(path, graph, { read: (name) => values[Number(name)]!, version: "0", metadata: {} });
    const { y: got } = runOnnx(readOnnx(path), { x: { shape: SHAPE, data: [...pixels] } });
    for (const tensor of [y, ...tensors]) tensor.dispose();
    assertClose(name, got!.data, expected);
  });
}
