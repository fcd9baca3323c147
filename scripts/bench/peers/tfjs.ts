/** TensorFlow.js. */
import * as tf from "@tensorflow/tfjs";
import type { WebGPUBackend } from "@tensorflow/tfjs-backend-webgpu";
import "@tensorflow/tfjs-backend-webgpu";
import { serve } from "./serve.ts";
import {
  ADAM,
  blockInputs,
  type BlockParameter,
  convolutionInputs,
  type ConvolutionName,
  convolutions,
  EPSILON,
  type HostArray,
  isConvolution,
  mlpInputs,
  productInputs,
  rowInputs,
  type Sizes,
  type Task,
  type WorkName,
} from "./work.ts";

type Tensors = Readonly<Record<string, tf.Tensor>>;
type Block = Readonly<Record<BlockParameter, tf.Tensor>>;

const upload = ({ values, shape }: HostArray) => tf.tensor(values, [...shape], "float32");
const uploadAll = (arrays: Readonly<Record<string, HostArray>>) =>
  Object.fromEntries(Object.entries(arrays).map(([name, array]) => [name, upload(array)]));

async function library(name: WorkName, sizes: Sizes): Promise<Task> {
  await tf.setBackend("webgpu");
  await tf.ready();
  if (isConvolution(name)) return convolutionTask(name, sizes);
  switch (name) {
    case "softmax":
    case "layer-norm": {
      const { x, gain, shift } = uploadAll(rowInputs(sizes));
      return task(() => ({ y: name === "softmax" ? tf.softmax(x!) : layerNorm(x!, gain!, shift!) }));
    }
    case "mlp":
      return mlpTask(sizes);
    case "block":
    case "block-grad":
      return blockTask(name, sizes);
    default: {
      const { a, b } = uploadAll(productInputs(name, sizes));
      return task(() => ({ y: tf.matMul(a!, b!, name === "gemm-tn", name === "gemm-nt") }));
    }
  }
}

/** Submits what the backend has gathered, as its own reading does, and waits. */
async function finish(): Promise<void> {
  const backend = tf.backend() as WebGPUBackend;
  backend["ensureCommandEncoderReady"]();
  backend["endComputePassEncoder"]();
  backend.submitQueue();
  await backend.device.queue.onSubmittedWorkDone();
}

function task(work: () => Tensors): Task {
  let outputs: Tensors = {};
  return {
    run() {
      tf.dispose(outputs as tf.TensorContainerObject);
      outputs = tf.tidy(work as () => tf.NamedTensorMap);
    },
    finish,
    results: () => readNamed(outputs),
  };
}

async function readNamed(tensors: Tensors): Promise<Record<string, Float32Array>> {
  const read: Record<string, Float32Array> = {};
  for (const [name, tensor] of Object.entries(tensors)) read[name] = await tensor.data<"float32">();
  return read;
}

function layerNorm(x: tf.Tensor, gain: tf.Tensor, shift: tf.Tensor): tf.Tensor {
  const { mean, variance } = tf.moments(x, -1, true);
  return x.sub(mean).mul(variance.add(EPSILON).rsqrt()).mul(gain).add(shift);
}

const dense = (x: tf.Tensor, w: tf.Tensor, b: tf.Tensor) =>
  tf.fused.matMul({ a: x as tf.Tensor2D, b: w as tf.Tensor2D, bias: b });

const gelu = (x: tf.Tensor) => x.mul(0.5).mul(x.mul(Math.SQRT1_2).erf().add(1));

function mlpTask(sizes: Sizes): Task {
  const { x: x_, labels, classes, layers, parameters } = mlpInputs(sizes);
  const x = upload(x_);
  const targets = tf.oneHot(tf.tensor1d(labels, "int32"), classes);
  const variables = Object.fromEntries(
    Object.entries(parameters).map(([name, array]) => [name, tf.variable(upload(array))]),
  );
  const adam = tf.train.adam(ADAM.learningRate, ADAM.beta1, ADAM.beta2, ADAM.epsilon);
  const loss = () => {
    let h: tf.Tensor = x;
    for (let i = 0; i < layers; i++) {
      h = dense(h, variables[`w${i}`]!, variables[`b${i}`]!);
      if (i < layers - 1) h = tf.relu(h);
    }
    return tf.losses.softmaxCrossEntropy(targets, h) as tf.Scalar;
  };
  return {
    run: () => tf.tidy(() => void adam.minimize(loss, false, Object.values(variables))),
    finish,
    results: () => readNamed(variables),
  };
}

function blockTask(name: WorkName, sizes: Sizes): Task {
  const { batch, tokens, width, heads } = sizes.block;
  const head = width / heads;
  const inputs = blockInputs(sizes);
  const keys = Object.keys(inputs.parameters) as BlockParameter[];
  const [x, dy] = [upload(inputs.x), upload(inputs.dy)];
  const parameters = uploadAll(inputs.parameters) as Block;

  const block = (x: tf.Tensor, p: Block) => {
    const h = layerNorm(x, p.gain1, p.shift1);
    const split = (w: tf.Tensor, b: tf.Tensor) =>
      dense(h, w, b).reshape([batch, tokens, heads, head]).transpose([0, 2, 1, 3]);
    const [q, k, v] = [split(p.wq, p.bq), split(p.wk, p.bk), split(p.wv, p.bv)];
    const attended = tf.matMul(tf.softmax(tf.matMul(q, k, false, true).mul(1 / Math.sqrt(head))), v);
    const joined = attended.transpose([0, 2, 1, 3]).reshape([batch * tokens, width]);
    const y = x.add(dense(joined, p.wo, p.bo));
    return y.add(dense(gelu(dense(layerNorm(y, p.gain2, p.shift2), p.w1, p.b1)), p.w2, p.b2));
  };
  if (name === "block") return task(() => ({ y: block(x, parameters) }));
  const valueAndGrads = tf.valueAndGrads((...[x, ...values]) =>
    block(x!, Object.fromEntries(keys.map((key, i) => [key, values[i]!])) as Block)
  );
  return task(() => {
    const { value: y, grads } = valueAndGrads([x, ...keys.map((key) => parameters[key])], dy);
    const [dx, ...gradients] = grads;
    return { y, dx: dx!, ...Object.fromEntries(keys.map((key, i) => [`d${key}`, gradients[i]!])) };
  });
}

function convolutionTask(name: ConvolutionName, sizes: Sizes): Task {
  const works = convolutions(name, sizes).map((shape) => {
    const { x, weight, dy } = uploadAll(convolutionInputs(shape, sizes));
    const convolve = (x: tf.Tensor, weight: tf.Tensor) =>
      tf.conv2d(x as tf.Tensor4D, weight as tf.Tensor4D, shape.stride, (shape.kernel - 1) / 2);
    return { convolve, x: x!, weight: weight!, dy: dy! };
  });
  const isGrad = name.startsWith("conv-grad");
  return task(() =>
    Object.fromEntries(works.flatMap(({ convolve, x, weight, dy }, i): [string, tf.Tensor][] => {
      if (!isGrad) return [[`y${i}`, convolve(x, weight)]];
      const { value, grads } = tf.valueAndGrads((x, weight): tf.Tensor => convolve(x!, weight!))(
        [x, weight],
        dy,
      );
      return [[`y${i}`, value], [`dx${i}`, grads[0]!], [`dw${i}`, grads[1]!]];
    }))
  );
}

await serve(library);
