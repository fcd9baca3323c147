/** Adapters of low rank: linear layers with them against PyTorch (scripts/fixtures/lora.py). */
import assert from "node:assert/strict";
import { Gpu } from "../../src/gpu/gpu.ts";
import { zeros } from "../../src/nn/initializers.ts";
import { JoinedLinear, Linear } from "../../src/nn/linear.ts";
import { isAdapter } from "../../src/nn/low_rank.ts";
import { Parameters } from "../../src/nn/parameters.ts";
import { backward } from "../../src/ops/backward.ts";
import { cast } from "../../src/ops/cast.ts";
import { capture, scope } from "../../src/tensor/scope.ts";
import { readTensors, Tensor } from "../../src/tensor/tensor.ts";
import { loadEncoderWeights } from "../../src/build/hf_weights.ts";
import { openWeights } from "../../src/io/weights_file.ts";
import { bert } from "../../src/models/encoders/bert.ts";
import { readEncoderConfig } from "../../src/build/hf_config.ts";
import { encoderType } from "../../src/models/encoders/registry.ts";
import { texts } from "../models/tiny_specs.ts";
import { checkpointFolder } from "../build/hf_fixtures.ts";
import { Fixture } from "../models/fixtures.ts";
import { openTestGpu } from "../open_gpu.ts";
import { relativeError } from "../ops/table.ts";

const DEVICES = {
  "as planned for this adapter": await openTestGpu(),
  "as for GPUs": await Gpu.open("auto", { adapterClass: "gpu" }),
};
const fixture = new Fixture("lora");
const ADAPTERS = { rank: 3, alpha: 6, isTarget: (layer: string) => !layer.endsWith(".key") };
const options = { initializer: zeros, takesF16: true };

/** Declares the layers of a case below its name, and gives its forward pass. */
const CASES = {
  single(parameters: Parameters) {
    const layer = new Linear(parameters.root.at("single").at("layer"), 12, 8, options);
    return (x: Tensor, residual: Tensor) => layer.forward(x, "gelu", residual);
  },
  joined(parameters: Parameters) {
    const names = ["query", "key", "value"];
    const layers = new JoinedLinear(parameters.root.at("joined"), names, 12, 12, options).layers(0, 3);
    return (x: Tensor) => layers(x);
  },
};

for (const [planned, gpu] of Object.entries(DEVICES)) {
  for (const [name, declare] of Object.entries(CASES)) {
    for (const precision of ["f32", "f16"] as const) {
      Deno.test(`${name} layers with adapters do as PyTorch's, in ${precision}, ${planned}`, async () => {
        if (precision === "f16" && !gpu.features.has("shader-f16")) return;
        const live = gpu.memory.live;
        const parameters = new Parameters();
        parameters.adapt(ADAPTERS);
        const forward = declare(parameters);
        parameters.freeze((name) => !isAdapter(name));
        parameters.allocate(gpu, 0, undefined, precision === "f16");
        for (const { name } of parameters) parameters.write(name, fixture.floats(name));
        const load = (name: string, requiresGrad = false) => {
          const tensor = Tensor.from(gpu, fixture.floats(name), fixture.shape(name));
          return cast(tensor, precision).view(tensor.shape, { requiresGrad });
        };
        const [y, dx] = capture(() => {
          const x = load("x", true);
          const y = forward(x, load("residual"));
          backward(y, load(`dy.${name}`));
          return [cast(y, "f32"), cast(x.grad!, "f32")];
        }) as [Tensor, Tensor];
        const learned = [...parameters].filter(({ frozen }) => !frozen);
        assert.equal(learned.length, name === "single" ? 2 : 4);
        const found = await readTensors([y, dx, ...learned.map(({ grad }) => grad)]);
        const keys = [`${name}.y`, `${name}.dx`].concat(
          learned.map((one) => one.name.replace(/lora_([AB])\.weight$/, "d$1")),
        );
        for (const [i, key] of keys.entries()) {
          const error = relativeError(found[i]!, fixture.floats(key));
          assert.ok(error < (precision === "f32" ? 1e-5 : 2e-3), `${key} is off by ${error}`);
        }
        for (const tensor of [y, dx]) tensor.dispose();
        parameters.dispose();
        assert.equal(gpu.memory.live, live, "bytes left behind");
      });
    }
  }
}

Deno.test("an encoder with adapters takes a checkpoint, which has none, and answers as without them", async () => {
  const gpu = await openTestGpu();
  const folder = checkpointFolder("bert");
  const config = readEncoderConfig(folder);
  const type = encoderType(config.model_type);
  assert.equal(type, bert);
  const ids = {
    kind: "text",
    ids: Uint32Array.of(2, 5, 6, 3),
    mask: new Uint32Array(4).fill(1),
    tokens: 4,
  } as const;
  const answer = async (targets: RegExp) => {
    const parameters = new Parameters();
    parameters.adapt({ rank: 2, alpha: 4, isTarget: (layer) => targets.test(layer) });
    const spec = texts(Number(config.vocab_size), Number(config.max_position_embeddings));
    const encoder = type.build(parameters.root.at("text"), type.configure(config), { text: spec });
    parameters.allocate(gpu, 0);
    using checkpoint = openWeights(folder);
    await loadEncoderWeights(parameters, "text", checkpoint, type);
    const adapters = [...parameters].filter(({ name }) => isAdapter(name));
    const values = await readTensors(adapters.map(({ value }) => value));
    adapters.forEach(({ name }, i) =>
      assert.equal(values[i]!.some((x) => x !== 0), name.includes("lora_A"), `${name} as it begins`)
    );
    const [y] = await readTensors([scope(() => encoder.represent(encoder.upload(gpu, { text: ids }), {}))]);
    parameters.dispose();
    return { y: y as Float32Array, count: adapters.length };
  };
  const plain = await answer(/^never$/);
  // Every linear layer, those between which gelu is fused included.
  const all = await answer(/./);
  const layers = Number(config.num_hidden_layers);
  assert.equal(plain.count, 0);
  assert.ok(all.count >= 2 * 6 * layers, `${all.count} matrices`);
  assert.ok(relativeError(all.y, plain.y) < 1e-6);
});
