/** This project. */
import { Gpu } from "../../../src/gpu/gpu.ts";
import { Linear } from "../../../src/nn/linear.ts";
import { Parameters } from "../../../src/nn/parameters.ts";
import { TransformerLayer, VIT_STYLE } from "../../../src/nn/transformer.ts";
import { zeros } from "../../../src/nn/initializers.ts";
import { backward } from "../../../src/ops/backward.ts";
import { conv2d } from "../../../src/ops/conv.ts";
import { layerNorm } from "../../../src/ops/layer_norm.ts";
import { crossEntropy } from "../../../src/ops/losses.ts";
import { matmul } from "../../../src/ops/matmul.ts";
import { selfTest } from "../../../src/ops/self_test.ts";
import { softmax } from "../../../src/ops/softmax.ts";
import { Adam } from "../../../src/optim/adam.ts";
import { scope } from "../../../src/tensor/scope.ts";
import { noGrad } from "../../../src/tensor/tape.ts";
import { readTensors, Tensor } from "../../../src/tensor/tensor.ts";
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
  permuted,
  productInputs,
  rowInputs,
  type Sizes,
  type Task,
  transposed,
  type WorkName,
} from "./work.ts";

type Tensors = Readonly<Record<string, Tensor>>;

/** What the block's parameters are called here. */
const NAMES: Readonly<Record<BlockParameter, string>> = {
  gain1: "layernorm_before.weight",
  shift1: "layernorm_before.bias",
  wq: "attention.attention.query.weight",
  bq: "attention.attention.query.bias",
  wk: "attention.attention.key.weight",
  bk: "attention.attention.key.bias",
  wv: "attention.attention.value.weight",
  bv: "attention.attention.value.bias",
  wo: "attention.output.dense.weight",
  bo: "attention.output.dense.bias",
  gain2: "layernorm_after.weight",
  shift2: "layernorm_after.bias",
  w1: "intermediate.dense.weight",
  b1: "intermediate.dense.bias",
  w2: "output.dense.weight",
  b2: "output.dense.bias",
};

/** Weights are [outputs, inputs] here: as an array is stored, or, applied again, as it was. */
const turned = (array: HostArray) => array.shape.length === 2 ? transposed(array) : array;

async function library(name: WorkName, sizes: Sizes): Promise<Task> {
  const gpu = await Gpu.open();
  await selfTest(gpu);
  if (isConvolution(name)) return convolutionTask(gpu, name, sizes);
  switch (name) {
    case "softmax":
    case "layer-norm":
      return rowTask(gpu, name, sizes);
    case "mlp":
      return mlpTask(gpu, sizes);
    case "block":
    case "block-grad":
      return blockTask(gpu, name, sizes);
    default:
      return productTask(gpu, name, sizes);
  }
}

function upload(gpu: Gpu, { values, shape }: HostArray): Tensor {
  return Tensor.from(gpu, values, shape);
}

/** A task whose calls give tensors. */
function task(gpu: Gpu, work: () => Tensors, moreResults: () => Tensors = () => ({})): Task {
  let outputs: Tensors = {};
  return {
    run() {
      for (const tensor of Object.values(outputs)) tensor.dispose();
      outputs = scope(work);
    },
    finish: () => gpu.finish(),
    results: () => readNamed({ ...outputs, ...moreResults() }),
  };
}

async function readNamed(tensors: Tensors): Promise<Record<string, Float32Array>> {
  const arrays = await readTensors(Object.values(tensors));
  return Object.fromEntries(Object.keys(tensors).map((name, i) => [name, arrays[i] as Float32Array]));
}

function productTask(gpu: Gpu, name: WorkName, sizes: Sizes): Task {
  const inputs = productInputs(name, sizes);
  const [a, b] = [upload(gpu, inputs.a), upload(gpu, inputs.b)];
  const layout = { transposeA: name === "gemm-tn", transposeB: name === "gemm-nt" };
  return task(gpu, () => ({ y: matmul(a, b, layout) }));
}

function rowTask(gpu: Gpu, name: WorkName, sizes: Sizes): Task {
  const inputs = rowInputs(sizes);
  const [x, gain, shift] = [inputs.x, inputs.gain, inputs.shift].map((array) => upload(gpu, array));
  return task(gpu, () => ({ y: name === "softmax" ? softmax(x!) : layerNorm(x!, gain!, shift!, EPSILON) }));
}

function mlpTask(gpu: Gpu, sizes: Sizes): Task {
  const inputs = mlpInputs(sizes);
  const { widths } = sizes.mlp;
  const parameters = new Parameters();
  const layers = Array.from(
    { length: inputs.layers },
    (_, i) => new Linear(parameters.root.at(`${i}`), widths[i]!, widths[i + 1]!, { initializer: zeros }),
  );
  parameters.allocate(gpu, 0);
  const nameOf = (key: string) => `${key.slice(1)}.${key.startsWith("w") ? "weight" : "bias"}`;
  for (const [key, array] of Object.entries(inputs.parameters)) {
    parameters.write(nameOf(key), turned(array).values);
  }
  const adam = new Adam(parameters, {
    groups: { all: { learningRate: ADAM.learningRate, weightDecay: 0 } },
    groupOf: () => "all",
    betas: [ADAM.beta1, ADAM.beta2],
    epsilon: ADAM.epsilon,
  });
  const x = upload(gpu, inputs.x);
  const labels = Tensor.from(gpu, Uint32Array.from(inputs.labels), [inputs.labels.length]);
  return {
    run() {
      scope(() => {
        let h = x;
        for (const [i, layer] of layers.entries()) {
          h = layer.forward(h, i < layers.length - 1 ? "relu" : "none");
        }
        parameters.zeroGrad();
        backward(crossEntropy(h, labels));
        adam.step();
      });
    },
    finish: () => gpu.finish(),
    async results() {
      const read = await parameters.read();
      return Object.fromEntries(
        Object.keys(inputs.parameters).map((key) => {
          const { shape } = parameters.get(nameOf(key));
          return [key, turned({ shape, values: read.get(nameOf(key))! }).values];
        }),
      );
    },
  };
}

function blockTask(gpu: Gpu, name: WorkName, sizes: Sizes): Task {
  const { batch, tokens, width, heads, inner } = sizes.block;
  const inputs = blockInputs(sizes);
  const parameters = new Parameters();
  const layer = new TransformerLayer(
    parameters.root,
    {
      hidden_size: width,
      num_hidden_layers: 1,
      num_attention_heads: heads,
      intermediate_size: inner,
      hidden_act: "gelu",
      hidden_dropout_prob: 0,
      attention_probs_dropout_prob: 0,
      layer_norm_eps: EPSILON,
      initializer_range: 0.02,
      dense_initializer: "normal",
    },
    VIT_STYLE,
  );
  parameters.allocate(gpu, 0);
  const keys = Object.keys(NAMES) as BlockParameter[];
  for (const key of keys) {
    parameters.write(NAMES[key], turned(inputs.parameters[key]).values);
  }
  const shape = [batch, tokens, width];
  const x = upload(gpu, { ...inputs.x, shape });
  const dy = upload(gpu, { ...inputs.dy, shape });
  if (name === "block") {
    return task(gpu, () => ({ y: noGrad(() => layer.forward(x, undefined, {})) }));
  }
  const { results, ...rest } = task(
    gpu,
    () => {
      const leaf = x.view(shape, { requiresGrad: true });
      const y = layer.forward(leaf, undefined, {});
      backward(y, dy);
      return { y, dx: leaf.grad! };
    },
    () => Object.fromEntries(keys.map((key) => [`d${key}`, parameters.get(NAMES[key]).grad])),
  );
  return {
    ...rest,
    async results() {
      const read = await results();
      const gradients = keys.map((key) => {
        const values = read[`d${key}`] as Float32Array<ArrayBuffer>;
        return [`d${key}`, turned({ shape: parameters.get(NAMES[key]).shape, values }).values];
      });
      return { ...read, ...Object.fromEntries(gradients) };
    },
  };
}

function convolutionTask(gpu: Gpu, name: ConvolutionName, sizes: Sizes): Task {
  const isGrad = name.startsWith("conv-grad");
  const works = convolutions(name, sizes).map((shape) => {
    const { x, weight, dy } = convolutionInputs(shape, sizes);
    const options = { stride: shape.stride, padding: (shape.kernel - 1) / 2 };
    // Weights are [outputs, inputs, height, width] here.
    return {
      options,
      x: upload(gpu, x),
      weight: upload(gpu, permuted(weight, [3, 2, 0, 1])),
      dy: upload(gpu, dy),
    };
  });
  const { results, ...rest } = task(
    gpu,
    () =>
      Object.fromEntries(works.flatMap(({ options, x, weight, dy }, i) => {
        if (!isGrad) return [[`y${i}`, noGrad(() => conv2d(x, weight, options))]];
        const [leaf, kernel] = [x, weight].map((tensor) => tensor.view(tensor.shape, { requiresGrad: true }));
        const y = conv2d(leaf!, kernel!, options);
        backward(y, dy);
        return [[`y${i}`, y], [`dx${i}`, leaf!.grad!], [`dw${i}`, kernel!.grad!]];
      })),
  );
  return {
    ...rest,
    async results() {
      const read = await results();
      return Object.fromEntries(
        Object.entries(read).map(([name, values]) => {
          if (!name.startsWith("dw")) return [name, values];
          const { shape } = works[Number(name.slice(2))]!.weight;
          return [
            name,
            permuted({ shape, values: values as Float32Array<ArrayBuffer> }, [2, 3, 1, 0]).values,
          ];
        }),
      );
    },
  };
}

await serve(library);
