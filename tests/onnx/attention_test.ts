// Self-attention with a bias of its scores, causal, within a window: as a graph of ONNX, and from the first token alone.
import assert from "node:assert/strict";
import { join } from "node:path";
import { Random } from "../../src/base/random.ts";
import { writeOnnx } from "../../src/io/onnx_file.ts";
import {
  attentionBias,
  type ScoreBias,
  SelfAttention,
  type SelfAttentionOptions,
} from "../../src/nn/self_attention.ts";
import { EVALUATION } from "../../src/nn/context.ts";
import { normal } from "../../src/nn/initializers.ts";
import { type ModulePath, Parameters } from "../../src/nn/parameters.ts";
import { OnnxGraph } from "../../src/onnx/graph.ts";
import { slice } from "../../src/ops/shape.ts";
import { scope } from "../../src/tensor/scope.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { temporaryFolder } from "../io/crafted.ts";
import { assertClose } from "../models/fixtures.ts";
import { openTestGpu } from "../open_gpu.ts";
import { readOnnx } from "./read_onnx.ts";
import { runOnnx } from "./run_onnx.ts";

const gpu = await openTestGpu();
const [BATCH, TOKENS, WIDTH] = [2, 6, 8];
const config = {
  hidden_size: WIDTH,
  num_attention_heads: 2,
  attention_probs_dropout_prob: 0,
  initializer_range: 0.5,
  dense_initializer: "normal",
} as const;

function learnedBias(path: ModulePath): ScoreBias {
  const bias = path.parameter("bias", [2, TOKENS, TOKENS], normal(1));
  return { forward: () => bias.value, toOnnx: (tokens) => tokens.graph.weight(bias, "float32") };
}

const kinds: Readonly<Record<string, (path: ModulePath) => SelfAttentionOptions>> = {
  plain: () => ({}),
  causal: () => ({ causal: true }),
  "within a window": () => ({ window: 2 }),
  "with a bias": (path) => ({ scoreBias: learnedBias(path) }),
  "with all of them": (path) => ({ causal: true, window: 3, scoreBias: learnedBias(path), bias: false }),
};

for (const [name, options] of Object.entries(kinds)) {
  Deno.test(`self-attention ${name} is the same as a graph of ONNX, and from the first token alone`, async () => {
    using folder = temporaryFolder();
    const parameters = new Parameters();
    const module = new SelfAttention(parameters.root, config, options(parameters.root));
    parameters.allocate(gpu, 3);
    const random = new Random(1);
    const values = Array.from({ length: BATCH * TOKENS * WIDTH }, () => random.between(-1, 1));
    const kept = [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0];
    const [all, firstOfAll, first] = scope(() => {
      const x = Tensor.from(gpu, Float32Array.from(values), [BATCH, TOKENS, WIDTH]);
      const mask = Tensor.from(gpu, Uint32Array.from(kept), [BATCH, TOKENS]);
      const all = module.forward(x, mask, EVALUATION, false);
      return [all, slice(all, 1, 0, 1), module.forward(x, mask, EVALUATION, true)];
    }) as [Tensor, Tensor, Tensor];
    assertClose("first token", await first.read() as Float32Array, await firstOfAll.read() as Float32Array);

    const graph = new OnnxGraph();
    const x = graph.input("x", "float32", ["batch", "tokens", WIDTH]);
    const bias = attentionBias(graph.input("mask", "int64", ["batch", "tokens"]));
    graph.output("all", module.toOnnx(x, bias, false), ["batch", "tokens", WIDTH]);
    graph.output("first", module.toOnnx(x, bias, true), ["batch", 1, WIDTH]);
    const learned = await parameters.read();
    const path = join(folder.path, "attention.onnx");
    writeOnnx(path, graph, { read: (name) => learned.get(name)!, version: "0", metadata: {} });
    const inputs = {
      x: { shape: [BATCH, TOKENS, WIDTH], data: values },
      mask: { shape: [BATCH, TOKENS], data: kept },
    };
    const outputs = runOnnx(readOnnx(path), inputs);
    assert.deepEqual(outputs.first!.shape, [BATCH, 1, WIDTH]);
    assertClose("all tokens", outputs.all!.data, await all.read() as Float32Array);
    assertClose("the first, in a graph", outputs.first!.data, await first.read() as Float32Array);
    for (const tensor of [all, firstOfAll, first]) tensor.dispose();
    parameters.dispose();
  });
}
