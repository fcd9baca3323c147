// Every encoder there is, as a graph of ONNX: written, read again by the numbers of fields alone, run by an oracle, and held
// against the encoder itself.
import assert from "node:assert/strict";
import { join } from "node:path";
import type { Gpu } from "../../src/gpu/gpu.ts";
import { writeOnnx } from "../../src/io/onnx_file.ts";
import type { GraphInput, HostInput, InputSpec } from "../../src/models/encoders/inputs.ts";
import { encoderTypes } from "../../src/models/encoders/registry.ts";
import { EVALUATION } from "../../src/nn/context.ts";
import { Parameters } from "../../src/nn/parameters.ts";
import { type FloatType, OnnxGraph } from "../../src/onnx/graph.ts";
import { scope } from "../../src/tensor/scope.ts";
import { Random } from "../../src/base/random.ts";
import { temporaryFolder } from "../io/crafted.ts";
import { assertClose } from "../models/fixtures.ts";
import { openTestGpu } from "../open_gpu.ts";
import { readOnnx } from "./read_onnx.ts";
import { type Array_, runOnnx } from "./run_onnx.ts";

const gpu = await openTestGpu();
const BATCH = 2;

const SPECS: Readonly<Record<InputSpec["kind"], InputSpec>> = {
  image: { kind: "image", name: "image", height: 8, width: 8, mean: [0.4, 0.5, 0.6], std: [0.2, 0.3, 0.4] },
  text: { kind: "text", name: "text", vocabularySize: 20, maxTokens: 7, padId: 1, endId: 18 },
  features: { kind: "features", name: "features", width: 5 },
};

/** Fields of small encoders of any kind; a type takes those that it has. */
const SMALL = {
  hidden_size: 12,
  num_hidden_layers: 2,
  num_attention_heads: 3,
  intermediate_size: 20,
  patch_size: 4,
  initializer_range: 0.3,
  layer_norm_eps: 1e-5,
  embedding_size: 8,
  // What is special to DeBERTas; groups of distances are one place.
  position_buckets: 4,
  norm_rel_ebd: "layer_norm",
  pos_att_type: "p2c|c2p",
  conv_kernel_size: 3,
  conv_groups: 2,
  // What is special to ModernBERT: the second layer sees two tokens on either side.
  local_attention: 4,
  norm_eps: 1e-5,
  // The same by the names of DistilBERT.
  dim: 12,
  n_layers: 2,
  n_heads: 3,
  hidden_dim: 20,
  hidden_sizes: [8, 12],
  depths: [1, 2],
  num_init_features: 8,
  growth_rate: 4,
  block_config: [2, 1],
};

/** An input of a batch on the host, and what a graph reads in its place. */
function inputOf(spec: InputSpec, random: Random, graph: OnnxGraph) {
  const values = (count: number) => Array.from({ length: count }, () => random.between(-2, 2));
  if (spec.kind === "image") {
    const { name, height, width, mean, std } = spec;
    const shape = [BATCH, height, width, 3];
    const pixels = Uint8Array.from({ length: BATCH * height * width * 3 }, () => random.between(0, 256));
    const normalised = Array.from(pixels, (byte, i) => (byte / 255 - mean[i % 3]!) / std[i % 3]!);
    const host: HostInput = { kind: "image", pixels, height, width };
    const input: GraphInput = {
      kind: "image",
      pixels: graph.input(name, "float32", ["batch", height, width, 3]),
    };
    return { host, input, arrays: { [name]: { shape, data: normalised } } };
  }
  if (spec.kind === "features") {
    const { name, width } = spec;
    const data = values(BATCH * width);
    const host: HostInput = { kind: "features", values: Float32Array.from(data), width };
    const input: GraphInput = { kind: "features", values: graph.input(name, "float32", ["batch", width]) };
    return { host, input, arrays: { [name]: { shape: [BATCH, width], data } } };
  }
  const { name, maxTokens, padId, endId = 18 } = spec;
  const tokens = maxTokens - 1; // fewer than the positions there are
  const lengths = [tokens, 3];
  const mask = lengths.flatMap((length) => Array.from({ length: tokens }, (_, i) => Number(i < length)));
  const ids = mask.map((one) => one ? Math.floor(random.between(2, endId)) : padId);
  for (const [text, length] of lengths.entries()) ids[text * tokens + length - 1] = endId;
  const shape = [BATCH, tokens];
  const host: HostInput = { kind: "text", ids: Uint32Array.from(ids), mask: Uint32Array.from(mask), tokens };
  const port = (part: string) => graph.input(`${name}.${part}`, "int64", ["batch", "tokens"]);
  const input: GraphInput = { kind: "text", ids: port("ids"), mask: port("mask") };
  return {
    host,
    input,
    arrays: { [`${name}.ids`]: { shape, data: ids }, [`${name}.mask`]: { shape, data: mask } },
  };
}

/** The representations of a batch by an encoder on the device, and by its graph, written and read again. */
async function representations(
  gpu: Gpu,
  model_type: string,
  precision: FloatType,
  folder: string,
  changes: object = {},
) {
  const type = encoderTypes().find((one) => one.model_type === model_type)!;
  const random = new Random(3);
  const graph = new OnnxGraph(precision);
  const specs = Object.fromEntries(Object.entries(type.inputs).map(([input, kind]) => [input, SPECS[kind]]));
  const config = type.configure({ ...SMALL, ...type.fromData(specs), ...changes });
  const parameters = new Parameters();
  const encoder = type.build(parameters.root, config, specs);
  parameters.allocate(gpu, 5);
  const learned = new Set([...parameters].map(({ name }) => name));
  for (const { name, shape } of parameters.state()) { // running statistics of something seen
    if (learned.has(name)) continue;
    const size = shape.reduce((product, one) => product * one, 1);
    parameters.write(name, Float32Array.from({ length: size }, () => random.between(0.3, 0.8)));
  }
  assert.ok(encoder.toOnnx, `${type.title} does not say how it is a graph`);
  const inputs = Object.entries(specs).map(([input, spec]) => [input, inputOf(spec, random, graph)] as const);
  const pick = <K extends "host" | "input">(key: K) =>
    Object.fromEntries(inputs.map(([input, made]) => [input, made[key]])) as Record<
      string,
      typeof inputs[0][1][K]
    >;
  const own = scope(() => encoder.represent(encoder.upload(gpu, pick("host")), EVALUATION));
  const expected = await own.read() as Float32Array;
  own.dispose();
  graph.output("representation", encoder.toOnnx(pick("input")), ["batch", encoder.hiddenSize]);
  const values = await parameters.read();
  parameters.dispose();
  const path = join(folder, `${model_type}.onnx`);
  const options = { read: (name: string) => values.get(name)!, version: "0", metadata: {} };
  assert.deepEqual(writeOnnx(path, graph, options), [path]);
  const arrays: Record<string, Array_> = Object.assign({}, ...inputs.map(([, { arrays }]) => arrays));
  return { expected, actual: runOnnx(readOnnx(path), arrays).representation! };
}

for (const { model_type, title, fields } of encoderTypes()) {
  Deno.test(`${title} as a graph of ONNX represents a batch as it does itself`, async () => {
    using folder = temporaryFolder();
    const { expected, actual } = await representations(gpu, model_type, "float32", folder.path);
    assert.deepEqual(actual.shape, [BATCH, SMALL.hidden_size]);
    assertClose("representations", actual.data, expected);
  });

  Deno.test(`${title} as a graph in f16 has weights rounded to it and little else changed`, async () => {
    using folder = temporaryFolder();
    const { expected, actual } = await representations(gpu, model_type, "float16", folder.path);
    const worst = Math.max(...actual.data.map((value, i) => Math.abs(value - expected[i]!)));
    assert.ok(worst < 0.02, `off by ${worst}`);
  });

  const { pooling } = fields;
  for (const name of pooling?.options?.filter((one) => one !== pooling.default) ?? []) {
    Deno.test(`${title} that pools by "${name}" does so in a graph of ONNX`, async () => {
      using folder = temporaryFolder();
      const changes = { pooling: name };
      const { expected, actual } = await representations(gpu, model_type, "float32", folder.path, changes);
      assertClose("representations", actual.data, expected);
    });
  }
}

/** What makes another graph of an encoder than its defaults, beside its pooling. */
const VARIANTS: readonly (readonly [model_type: string, changes: object])[] = [
  ["dinov2", { use_swiglu_ffn: true, mlp_ratio: 3 }],
  ["clip_text_model", { eos_token_id: 2 }],
];

for (const [model_type, changes] of VARIANTS) {
  Deno.test(`${model_type} with ${JSON.stringify(changes)} does the same in a graph of ONNX`, async () => {
    using folder = temporaryFolder();
    const { expected, actual } = await representations(gpu, model_type, "float32", folder.path, changes);
    assertClose("representations", actual.data, expected);
  });
}
