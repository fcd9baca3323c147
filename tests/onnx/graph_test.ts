// Graphs of ONNX: names, what is stored once, what is refused, and how they stand in files.
import assert from "node:assert/strict";
import { join } from "node:path";
import { UserError } from "../../src/base/user_error.ts";
import { type OnnxFileOptions, writeOnnx } from "../../src/io/onnx_file.ts";
import { IR_VERSION, OnnxGraph, OPSET } from "../../src/onnx/graph.ts";
import * as ops from "../../src/onnx/operators.ts";
import { temporaryFolder } from "../io/crafted.ts";
import { readOnnx } from "./read_onnx.ts";
import { runOnnx } from "./run_onnx.ts";

const MATRIX = { name: "dense.weight", shape: [3, 2] };
const BIAS = { name: "dense.bias", shape: [3] };
const VALUES: Readonly<Record<string, Float32Array>> = {
  [MATRIX.name]: Float32Array.of(1, 2, 3, 4, 5, 6),
  [BIAS.name]: Float32Array.of(0.5, -0.5, 0.25),
};
const read = (name: string) => VALUES[name]!;

/** x Wᵀ + b; `constant` stands in it too. */
function linearGraph(precision: "float32" | "float16" = "float32"): OnnxGraph {
  const graph = new OnnxGraph(precision);
  const x = ops.cast(graph.input("x", "float32", ["batch", 2]), precision);
  const product = ops.matmul(x, graph.weight(MATRIX, precision, { transposed: true }));
  const y = ops.add(ops.add(product, graph.weight(BIAS, precision)), ops.scalar(1000, product));
  graph.output("y", ops.cast(y, "float32"), ["batch", 3]);
  return graph;
}

function write(folder: string, graph: OnnxGraph, options: Partial<OnnxFileOptions> = {}) {
  const path = join(folder, `${crypto.randomUUID()}.onnx`);
  return writeOnnx(path, graph, { read, version: "1.2.3", metadata: { who: "Käthe" }, ...options });
}

Deno.test("writeOnnx() writes what was built: versions, ports, weights, nodes in order", () => {
  using folder = temporaryFolder();
  const [path, ...others] = write(folder.path, linearGraph());
  assert.deepEqual(others, []);
  const model = readOnnx(path!);
  assert.equal(model.irVersion, IR_VERSION);
  assert.equal(model.opset, OPSET);
  assert.deepEqual(model.metadata, { who: "Käthe" });
  assert.deepEqual(model.inputs, [{ name: "x", type: 1, shape: ["batch", 2] }]);
  assert.deepEqual(model.outputs, [{ name: "y", type: 1, shape: ["batch", 3] }]);
  assert.deepEqual(model.nodes.map(({ operator }) => operator), ["MatMul", "Add", "Add", "Identity"]);
  const [constant, weight, bias] = model.tensors;
  assert.deepEqual([constant!.shape, constant!.values], [[], [1000]]);
  assert.deepEqual([weight!.name, weight!.shape, weight!.values], [
    "dense.weight.transposed",
    [2, 3],
    [1, 3, 5, 2, 4, 6],
  ]);
  assert.deepEqual([bias!.name, bias!.shape, bias!.values], ["dense.bias", [3], [0.5, -0.5, 0.25]]);
  const { y } = runOnnx(model, { x: { shape: [1, 2], data: [1, 10] } });
  assert.deepEqual(y!.data, [1021.5, 1042.5, 1065.25]);
});

Deno.test("writeOnnx() puts weights beyond a limit into a file of their own, at pages", () => {
  using folder = temporaryFolder();
  const total = 4 * 9;
  assert.equal(write(folder.path, linearGraph(), { mostInline: total }).length, 1);
  const [path, data] = write(folder.path, linearGraph(), { mostInline: total - 1 });
  assert.equal(data, `${path}.data`);
  const model = readOnnx(path!);
  const [constant, weight, bias] = model.tensors;
  assert.equal(constant!.external, undefined, "what belongs to the graph stays in it");
  const location = data!.slice(folder.path.length + 1); // beside the model, wherever both are moved
  assert.deepEqual(weight!.external, { location, offset: "0", length: "24" });
  assert.deepEqual(bias!.external, { location, offset: "4096", length: "12" });
  assert.equal(Deno.statSync(data!).size, 4096 + 12);
  assert.deepEqual(weight!.values, [1, 3, 5, 2, 4, 6]);
  assert.deepEqual(bias!.values, [0.5, -0.5, 0.25]);
});

Deno.test("equal graphs and weights give equal files", () => {
  using folder = temporaryFolder();
  for (const mostInline of [1e9, 0]) {
    const [one, two] = [1, 2].map(() => write(folder.path, linearGraph(), { mostInline }));
    for (const [i, path] of one!.entries()) {
      const [a, b] = [path, two![i]!].map((file) => Deno.readTextFileSync(file));
      // The name of the file with the weights stands in the other.
      assert.equal(a!.replaceAll(/[-\w]{36}/g, ""), b!.replaceAll(/[-\w]{36}/g, ""));
    }
  }
});

Deno.test("in f16 weights are rounded, and refused where they do not fit", () => {
  using folder = temporaryFolder();
  const third = Float32Array.of(1 / 3, 0, 1, 0, 0, 0);
  const [path] = write(folder.path, linearGraph("float16"), {
    read: (name) => name === MATRIX.name ? third : read(name),
  });
  const weight = readOnnx(path!).tensors.find(({ name }) => name === "dense.weight.f16.transposed")!;
  assert.equal(weight.type, 10);
  assert.deepEqual(weight.values, [Math.f16round(1 / 3), 1, 0, 0, 0, 0]);
  assert.throws(
    () =>
      write(folder.path, linearGraph("float16"), { read: (name) => read(name).map((value) => value * 2e4) }),
    (error) =>
      error instanceof UserError &&
      /Cannot write dense\.weight in f16: it has values beyond 65504\. Export with f32/.test(error.message),
  );
  assert.deepEqual(Array.from(Deno.readDirSync(folder.path)).length, 1, "nothing half-written is left");
});

Deno.test("writeOnnx() asks for one weight at a time, and for each once", () => {
  using folder = temporaryFolder();
  for (const mostInline of [1e9, 0]) {
    const asked: string[] = [];
    write(folder.path, linearGraph(), { mostInline, read: (name) => (asked.push(name), read(name)) });
    assert.deepEqual(asked, [MATRIX.name, BIAS.name]);
  }
});

Deno.test("a graph stores equal weights and constants once, and refuses what cannot be", () => {
  const graph = new OnnxGraph();
  const x = graph.input("x", "float32", ["batch"]);
  assert.equal(graph.weight(BIAS, "float32"), graph.weight(BIAS, "float32"));
  assert.notEqual(graph.weight(BIAS, "float32"), graph.weight(BIAS, "float16"));
  assert.equal(graph.constant([1, 2], "int64"), graph.constant([1, 2], "int64"));
  assert.notEqual(graph.constant([1, 2], "int64"), graph.constant([1, 2], "float32"));
  assert.notEqual(graph.constant([1, 2], "int64"), graph.constant([1, 2], "int64", [1, 2]));
  assert.equal(ops.cast(x, "float32"), x);
  const faults: [() => void, ErrorConstructor, RegExp][] = [
    [() => graph.input("x", "int64", []), RangeError, /two values of a graph "x"/],
    [() => graph.output("x", x, []), RangeError, /two values of a graph "x"/],
    [
      () => graph.weight(BIAS, "float32", { transposed: true }),
      TypeError,
      /transpose.*dense\.bias of \[3\]: it is no matrix/,
    ],
    [
      () => ops.add(x, ops.cast(x, "float16")),
      TypeError,
      /Cannot apply Add to x of float32 and Cast_\d+ of float16/,
    ],
    [
      () => ops.add(x, new OnnxGraph().constant([1], "float32")),
      RangeError,
      /constant_0: it is of another graph/,
    ],
  ];
  for (const [act, kind, message] of faults) {
    assert.throws(act, (error) => error instanceof kind && message.test((error as Error).message));
  }
});
