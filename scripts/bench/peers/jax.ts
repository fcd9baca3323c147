/** jax-js. Its arrays count their holders: `x.ref` is one more, and whoever is given an array ends one. */
import {
  Array,
  defaultDevice,
  getWebGPUDevice,
  init,
  jit,
  lax,
  nn,
  numpy as np,
  tree,
  valueAndGrad,
  vjp,
} from "@jax-js/jax";
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
  type WorkName,
} from "./work.ts";

type Arrays = Record<string, Array>;
type Block = Record<BlockParameter, Array>;

const upload = ({ values, shape }: HostArray) => np.array(values).reshape([...shape]);
const uploadAll = <K extends string>(arrays: Readonly<Record<K, HostArray>>) =>
  Object.fromEntries(
    Object.entries<HostArray>(arrays).map(([name, array]) => [name, upload(array)]),
  ) as Record<K, Array>;

async function library(name: WorkName, sizes: Sizes): Promise<Task> {
  const devices = await init("webgpu");
  if (!devices.includes("webgpu")) throw new Error("it finds no WebGPU device");
  defaultDevice("webgpu");
  if (isConvolution(name)) return convolutionTask(name, sizes);
  switch (name) {
    case "softmax":
    case "layer-norm": {
      const { x, gain, shift } = uploadAll(rowInputs(sizes));
      const norm = jit(layerNorm);
      const softmax = jit((x: Array) => nn.softmax(x, -1));
      return task(() => ({ y: name === "softmax" ? softmax(x.ref) : norm(x.ref, gain.ref, shift.ref) }));
    }
    case "mlp":
      return mlpTask(sizes);
    case "block":
    case "block-grad":
      return blockTask(name, sizes);
    default: {
      const { a, b } = uploadAll(productInputs(name, sizes));
      const product = jit((a: Array, b: Array) =>
        np.matmul(name === "gemm-tn" ? np.transpose(a) : a, name === "gemm-nt" ? np.transpose(b) : b)
      );
      return task(() => ({ y: product(a.ref, b.ref) }));
    }
  }
}

/** Calls are put off until an array is asked for; asking for its buffer sends them without waiting. */
async function send(arrays: Arrays): Promise<void> {
  for (const array of Object.values(arrays)) await array.ref.gpuBuffer();
}

async function readNamed(arrays: Arrays): Promise<Record<string, Float32Array>> {
  const read: Record<string, Float32Array> = {};
  for (const [name, array] of Object.entries(arrays)) read[name] = await array.ref.data() as Float32Array;
  return read;
}

const finish = () => getWebGPUDevice().queue.onSubmittedWorkDone().then(() => {});

function task(work: () => Arrays): Task {
  let outputs: Arrays = {};
  return {
    async run() {
      tree.dispose(outputs);
      outputs = work();
      await send(outputs);
    },
    finish,
    results: () => readNamed(outputs),
  };
}

function layerNorm(x: Array, gain: Array, shift: Array): Array {
  return nn.standardize(x, -1, { epsilon: EPSILON }).mul(gain).add(shift);
}

const dense = (x: Array, w: Array, b: Array) => np.matmul(x, w).add(b);

function mlpTask(sizes: Sizes): Task {
  const { x: x_, labels, classes, layers, parameters } = mlpInputs(sizes);
  const { learningRate, beta1, beta2, epsilon } = ADAM;
  const x = upload(x_);
  const targets = nn.oneHot(np.array(labels, { dtype: np.int32 }), classes);
  const zerosLike = () =>
    Object.fromEntries(Object.entries(parameters).map(([name, { shape }]) => [name, np.zeros([...shape])]));
  const loss = (p: Arrays, x: Array, targets: Array) => {
    let h = x;
    for (let i = 0; i < layers; i++) {
      h = dense(h, p[`w${i}`]!, p[`b${i}`]!);
      if (i < layers - 1) h = nn.relu(h);
    }
    return nn.logSoftmax(h, -1).mul(targets).sum(-1).mean().neg();
  };
  /** Parameters, their moments, and how far the powers of beta have come. */
  type State = { p: Arrays; first: Arrays; second: Arrays; power1: Array; power2: Array };
  const step = jit(
    ({ p, first, second, power1, power2 }: State, x: Array, targets: Array) => {
      const [value, gradients] = valueAndGrad(loss)(tree.ref(p), x, targets) as [Array, Arrays];
      const next: State = {
        p: {},
        first: {},
        second: {},
        power1: power1.mul(beta1),
        power2: power2.mul(beta2),
      };
      const correction1 = np.reciprocal(np.subtract(1, next.power1.ref));
      const correction2 = np.reciprocal(np.subtract(1, next.power2.ref));
      for (const [name, g] of Object.entries(gradients)) {
        const m = first[name]!.mul(beta1).add(g.ref.mul(1 - beta1));
        const v = second[name]!.mul(beta2).add(np.square(g).mul(1 - beta2));
        next.first[name] = m.ref;
        next.second[name] = v.ref;
        const root = np.sqrt(v.mul(correction2.ref)).add(epsilon);
        next.p[name] = p[name]!.sub(m.mul(correction1.ref).div(root).mul(learningRate));
      }
      correction1.dispose();
      correction2.dispose();
      return { next, value };
    },
  );
  let state: State = {
    p: uploadAll(parameters),
    first: zerosLike(),
    second: zerosLike(),
    power1: np.array(1),
    power2: np.array(1),
  };
  return {
    async run() {
      const { next, value } = step(state, x.ref, targets.ref) as { next: State; value: Array };
      state = next;
      await send({ ...state.p, value });
      value.dispose();
    },
    finish,
    results: () => readNamed(state.p),
  };
}

function blockTask(name: WorkName, sizes: Sizes): Task {
  const { batch, tokens, width, heads } = sizes.block;
  const inputs = blockInputs(sizes);
  const [x, dy] = [upload(inputs.x), upload(inputs.dy)];
  const parameters = uploadAll(inputs.parameters);

  const block = (x: Array, p: Block) => {
    const h = layerNorm(x.ref, p.gain1, p.shift1);
    const split = (h: Array, w: Array, b: Array) =>
      dense(h, w, b).reshape([batch, tokens, heads, width / heads]);
    const attended = nn.dotProductAttention(
      split(h.ref, p.wq, p.bq),
      split(h.ref, p.wk, p.bk),
      split(h, p.wv, p.bv),
    );
    const y = x.add(dense(attended.reshape([batch * tokens, width]), p.wo, p.bo));
    const inner = nn.gelu(dense(layerNorm(y.ref, p.gain2, p.shift2), p.w1, p.b1), { approximate: false });
    return y.add(dense(inner, p.w2, p.b2));
  };
  if (name === "block") {
    const forward = jit(block);
    return task(() => ({ y: forward(x.ref, tree.ref(parameters)) }));
  }
  const both = jit((x: Array, p: Block, dy: Array) => {
    const [y, pullback] = vjp(block, [x, p]);
    const [dx, dp] = pullback(dy) as unknown as [Array, Block];
    pullback.dispose();
    return {
      y,
      dx,
      ...Object.fromEntries(Object.entries(dp).map(([key, array]) => [`d${key}`, array])),
    };
  });
  return task(() => both(x.ref, tree.ref(parameters), dy.ref) as Arrays);
}

/** Images and weights have their channels first here. */
function convolutionTask(name: ConvolutionName, sizes: Sizes): Task {
  const isGrad = name.startsWith("conv-grad");
  const works = convolutions(name, sizes).map((shape) => {
    const { x, weight, dy } = convolutionInputs(shape, sizes);
    const side = (shape.kernel - 1) / 2;
    const convolve = (x: Array, weight: Array) =>
      lax.convGeneralDilated(x, weight, [shape.stride, shape.stride], [[side, side], [side, side]]);
    const forward = jit(convolve);
    const both = jit((x: Array, weight: Array, dy: Array) => {
      const [y, pullback] = vjp(convolve, [x, weight]);
      const [dx, dw] = pullback(dy) as unknown as [Array, Array];
      pullback.dispose();
      return { y, dx, dw };
    });
    const first = (array: HostArray) => upload(permuted(array, [0, 3, 1, 2]));
    return { forward, both, x: first(x), weight: upload(permuted(weight, [3, 2, 0, 1])), dy: first(dy) };
  });
  const shapes: Record<string, readonly number[]> = {};
  const { results, ...rest } = task(() => {
    const outputs: Arrays = {};
    for (const [i, { forward, both, x, weight, dy }] of works.entries()) {
      const given = isGrad ? both(x.ref, weight.ref, dy.ref) as Arrays : { y: forward(x.ref, weight.ref) };
      for (const [key, array] of Object.entries(given)) {
        outputs[`${key}${i}`] = array;
        shapes[`${key}${i}`] = array.shape;
      }
    }
    return outputs;
  });
  return {
    ...rest,
    async results() {
      const read = Object.entries(await results()).map(([name, values]) => {
        const array = { shape: shapes[name]!, values: values as Float32Array<ArrayBuffer> };
        return [name, permuted(array, name.startsWith("dw") ? [2, 3, 1, 0] : [0, 2, 3, 1]).values];
      });
      return Object.fromEntries(read);
    },
  };
}

await serve(library);
