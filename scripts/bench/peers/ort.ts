/** ONNX Runtime Web, its WebGPU execution provider: inference only. */
import * as ort from "onnxruntime-web/webgpu";
import { Graph } from "./onnx.ts";
import { serve } from "./serve.ts";
import {
  blockInputs,
  convolutionInputs,
  type ConvolutionName,
  convolutions,
  EPSILON,
  type HostArray,
  isConvolution,
  permuted,
  productInputs,
  rowInputs,
  type Sizes,
  type Task,
  Unsupported,
  type WorkName,
} from "./work.ts";

async function library(name: WorkName, sizes: Sizes): Promise<Task> {
  if (isConvolution(name)) return await convolutionTask(name, sizes);
  switch (name) {
    case "softmax":
    case "layer-norm":
      return await rowTask(name, sizes);
    case "mlp":
    case "block-grad":
      throw new Unsupported("onnxruntime-web does not train");
    case "block":
      return await blockTask(sizes);
    default:
      return await productTask(name, sizes);
  }
}

/** Runs `graph` on inputs that lie on the device and leaves its results there, which go by other names than its values. */
async function task(
  graph: Graph,
  outputs: Readonly<Record<string, { readonly value: string; readonly shape: readonly number[] }>>,
  inputs: Record<string, HostArray>,
) {
  ort.env.wasm.numThreads = 1; // the host only encodes; more threads are workers of a browser
  const shapes = Object.fromEntries(Object.values(outputs).map(({ value, shape }) => [value, shape]));
  const session = await ort.InferenceSession.create(
    graph.encode(shapes),
    { executionProviders: ["webgpu"], preferredOutputLocation: "gpu-buffer" },
  );
  const device = await ort.env.webgpu.device as GPUDevice;
  const feeds = Object.fromEntries(
    Object.entries(inputs).map(([name, array]) => [name, upload(device, array)]),
  );
  let results: Readonly<Record<string, ort.Tensor>> = {};
  return {
    async run() {
      for (const tensor of Object.values(results)) tensor.dispose();
      results = await session.run(feeds);
    },
    finish: () => device.queue.onSubmittedWorkDone().then(() => {}),
    async results() {
      const read: Record<string, Float32Array> = {};
      for (const [name, { value }] of Object.entries(outputs)) {
        read[name] = await results[value]!.getData() as Float32Array;
      }
      return read;
    },
  };
}

function upload(device: GPUDevice, { values, shape }: HostArray): ort.Tensor {
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC;
  const buffer = device.createBuffer({ size: values.byteLength, usage });
  device.queue.writeBuffer(buffer, 0, values);
  return ort.Tensor.fromGpuBuffer(buffer, { dataType: "float32", dims: [...shape] });
}

function productTask(name: WorkName, sizes: Sizes): Promise<Task> {
  const { a, b } = productInputs(name, sizes);
  const { m, n } = sizes.product;
  const graph = new Graph();
  const operands = [graph.input("a", a.shape), graph.input("b", b.shape)];
  const [opType, attributes] = name === "gemm-nn"
    ? ["MatMul", {}] as const
    : ["Gemm", { [name === "gemm-tn" ? "transA" : "transB"]: { int: 1 } }] as const;
  const output = graph.node(opType, operands, attributes);
  return task(graph, { y: { value: output, shape: [m, n] } }, { a, b });
}

const normalize = (graph: Graph, x: string, gain: string, shift: string) =>
  graph.node("LayerNormalization", [x, gain, shift], { axis: { int: -1 }, epsilon: { float: EPSILON } });

function rowTask(name: WorkName, sizes: Sizes): Promise<Task> {
  const { x, gain, shift } = rowInputs(sizes);
  const graph = new Graph();
  const input = graph.input("x", x.shape);
  const output = name === "softmax"
    ? graph.node("Softmax", [input], { axis: { int: -1 } })
    : normalize(graph, input, graph.constant("gain", gain), graph.constant("shift", shift));
  return task(graph, { y: { value: output, shape: x.shape } }, { x });
}

/** As exporters write a block: the runtime's own optimizer fuses what it can. */
function blockTask(sizes: Sizes): Promise<Task> {
  const { batch, tokens, width, heads } = sizes.block;
  const { x, parameters } = blockInputs(sizes);
  const shape = [batch, tokens, width];
  const graph = new Graph();
  for (const [name, array] of Object.entries(parameters)) graph.constant(name, array);
  const apart = graph.shape("apart", [batch, tokens, heads, width / heads]);
  const together = graph.shape("together", shape);
  const dense = (x: string, weight: string, bias: string) =>
    graph.node("Add", [graph.node("MatMul", [x, weight]), bias]);
  const transpose = (x: string, ...perm: number[]) => graph.node("Transpose", [x], { perm: { ints: perm } });
  const split = (weight: string, bias: string, ...perm: number[]) =>
    transpose(graph.node("Reshape", [dense(h, weight, bias), apart]), ...perm);

  const input = graph.input("x", shape);
  const h = normalize(graph, input, "gain1", "shift1");
  const scores = graph.node("MatMul", [split("wq", "bq", 0, 2, 1, 3), split("wk", "bk", 0, 2, 3, 1)]);
  const scaled = graph.node("Mul", [scores, graph.scalar("scale", 1 / Math.sqrt(width / heads))]);
  const weights = graph.node("Softmax", [scaled], { axis: { int: -1 } });
  const attended = transpose(graph.node("MatMul", [weights, split("wv", "bv", 0, 2, 1, 3)]), 0, 2, 1, 3);
  const y = graph.node("Add", [input, dense(graph.node("Reshape", [attended, together]), "wo", "bo")]);

  const inner = dense(normalize(graph, y, "gain2", "shift2"), "w1", "b1");
  const erf = graph.node("Erf", [graph.node("Div", [inner, graph.scalar("root2", Math.SQRT2)])]);
  const gated = graph.node("Mul", [inner, graph.node("Add", [erf, graph.scalar("one", 1)])]);
  const gelu = graph.node("Mul", [gated, graph.scalar("half", 0.5)]);
  const output = graph.node("Add", [y, dense(gelu, "w2", "b2")]);
  return task(graph, { y: { value: output, shape } }, { x: { ...x, shape } });
}

/**
 * Images come and go as [batch, height, width, channels], between transpositions that the runtime's optimizer takes out: it
 * computes in that order itself.
 */
function convolutionTask(name: ConvolutionName, sizes: Sizes): Promise<Task> {
  if (name.startsWith("conv-grad")) throw new Unsupported("onnxruntime-web does not train");
  const graph = new Graph();
  const inputs: Record<string, HostArray> = {};
  const outputs: Record<string, { value: string; shape: readonly number[] }> = {};
  for (const [i, shape] of convolutions(name, sizes).entries()) {
    const { x, weight, dy } = convolutionInputs(shape, sizes);
    inputs[`x${i}`] = x;
    const transpose = (x: string, ...perm: number[]) =>
      graph.node("Transpose", [x], { perm: { ints: perm } });
    const images = transpose(graph.input(`x${i}`, x.shape), 0, 3, 1, 2);
    const side = (shape.kernel - 1) / 2;
    const y = graph.node("Conv", [images, graph.constant(`w${i}`, permuted(weight, [3, 2, 0, 1]))], {
      kernel_shape: { ints: [shape.kernel, shape.kernel] },
      strides: { ints: [shape.stride, shape.stride] },
      pads: { ints: [side, side, side, side] },
    });
    outputs[`y${i}`] = { value: transpose(y, 0, 2, 3, 1), shape: dy.shape };
  }
  return task(graph, outputs, inputs);
}

await serve(library);
