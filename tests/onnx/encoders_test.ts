// Every encoder there is, as a graph of ONNX: written, read again by the numbers of fields alone, run by an oracle, and held
// against the encoder itself.
import assert from "node:assert/strict";
import { join } from "node:path";
import type { Gpu } from "../../src/gpu/gpu.ts";
import { writeOnnx } from "../../src/io/onnx_file.ts";
import type { GraphInput, InputSpec } from "../../src/models/encoders/inputs.ts";
import { encoderTypes } from "../../src/models/encoders/registry.ts";
import { EVALUATION } from "../../src/nn/context.ts";
import { Parameters } from "../../src/nn/parameters.ts";
import { type FloatType, OnnxGraph } from "../../src/onnx/graph.ts";
import { scope } from "../../src/tensor/scope.ts";
import { Random } from "../../src/base/random.ts";
import { temporaryFolder } from "../io/crafted.ts";
import { assertClose } from "../models/fixtures.ts";
import { drawInput, SMALL, specsOf } from "../models/small_encoders.ts";
import { openTestGpu } from "../open_gpu.ts";
import { readOnnx } from "./read_onnx.ts";
import { type Array_, runOnnx } from "./run_onnx.ts";

const gpu = await openTestGpu();
const BATCH = 2;

/** An input of a batch on the host, and what a graph reads in its place. */
function inputOf(spec: InputSpec, random: Random, graph: OnnxGraph) {
  const host = drawInput(spec, random, BATCH);
  const { name } = spec;
  if (spec.kind === "image" && host.kind === "image") {
    const { height, width, mean, std } = spec;
    const data = Array.from(host.pixels, (byte, i) => (byte / 255 - mean[i % 3]!) / std[i % 3]!);
    const pixels = graph.input(name, "float32", ["batch", height, width, 3]);
    const input: GraphInput = { kind: "image", pixels };
    return { host, input, arrays: { [name]: { shape: [BATCH, height, width, 3], data } } };
  }
  if (host.kind === "features") {
    const { values, width } = host;
    const input: GraphInput = { kind: "features", values: graph.input(name, "float32", ["batch", width]) };
    return { host, input, arrays: { [name]: { shape: [BATCH, width], data: [...values] } } };
  }
  if (host.kind !== "text") throw new TypeError(`${name} is no ${host.kind}`);
  const shape = [BATCH, host.tokens];
  const port = (part: string) => graph.input(`${name}.${part}`, "int64", ["batch", "tokens"]);
  const input: GraphInput = { kind: "text", ids: port("ids"), mask: port("mask") };
  return {
    host,
    input,
    arrays: {
      [`${name}.ids`]: { shape, data: [...host.ids] },
      [`${name}.mask`]: { shape, data: [...host.mask] },
    },
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
  const specs = specsOf(type.inputs);
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
  ["beit", { use_relative_position_bias: true, use_shared_relative_position_bias: true }],
  ["beit", {
    use_shared_relative_position_bias: true,
    use_absolute_position_embeddings: true,
    use_mean_pooling: false,
    layer_scale_init_value: 0,
  }],
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
