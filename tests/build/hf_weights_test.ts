import assert from "node:assert/strict";
import { readEncoderConfig } from "../../src/build/hf_config.ts";
import { parameterName } from "../../src/build/hf_names.ts";
import { loadEncoderWeights } from "../../src/build/hf_weights.ts";
import { openWeights } from "../../src/io/weights_file.ts";
import { encoderType } from "../../src/models/encoders/registry.ts";
import { resizeDistances, resizePositions } from "../../src/models/encoders/positions.ts";
import { GridPositions } from "../../src/nn/grid_positions.ts";
import { Parameters } from "../../src/nn/parameters.ts";
import { scope } from "../../src/tensor/scope.ts";
import { type TensorToStore, writeSafetensors } from "../../src/io/safetensors.ts";
import { UserError } from "../../src/base/user_error.ts";
import { assertClose, Fixture } from "../models/fixtures.ts";
import { openTestGpu } from "../open_gpu.ts";
import { temporaryFolder } from "../io/crafted.ts";
import { torchFile } from "../io/crafted_torch.ts";
import { buildEncoder, checkpointFolder, ENCODERS, loadFolder } from "./hf_fixtures.ts";

const gpu = await openTestGpu();

type Tensors = Record<string, TensorToStore>;

/** All float tensors of a checkpoint. */
function tensorsOf(name: string): Tensors {
  using checkpoint = openWeights(checkpointFolder(name));
  const floats = [...checkpoint.tensors].filter(([, { dtype }]) => dtype === "F32");
  return Object.fromEntries(
    floats.map(([key, { shape }]) => [key, { dtype: "F32", shape, data: checkpoint.readFloat32(key) }]),
  );
}

/** Loads tensors as the fixture `name`, with `changes` to its configuration; gives the parameters' values. */
async function load(name: string, tensors: Tensors, changes = {}, warn = (_: string) => {}) {
  using folder = temporaryFolder();
  writeSafetensors(`${folder.path}/model.safetensors`, tensors);
  const config = readEncoderConfig(checkpointFolder(name), changes);
  const { parameters, type } = buildEncoder(gpu, "part", config);
  using checkpoint = openWeights(folder.path);
  try {
    await loadEncoderWeights(parameters, "part", checkpoint, type, { warn });
    return await parameters.read();
  } finally {
    parameters.dispose();
  }
}

Deno.test("weights below a prefix are those of the file, whatever the names of old norms", async () => {
  const tensors = tensorsOf("bert");
  const old = Object.fromEntries(
    Object.entries(tensors).map(([key, tensor]) => [
      key.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"),
      tensor,
    ]),
  );
  assert.ok("bert.embeddings.LayerNorm.gamma" in old);
  const values = await load("bert", old);
  assert.equal(values.size, 5 + 3 * 16);
  for (const [name, read] of values) {
    assert.deepEqual(read, tensors[name.replace("part.", "bert.")]!.data, name);
  }
});

Deno.test("half precision is read as what it stands for", async () => {
  const tensors = tensorsOf("roberta");
  const half: Tensors = Object.fromEntries(
    Object.entries(tensors).map(([key, tensor]) => [key, { ...tensor, dtype: "F16" }]),
  );
  const key = "encoder.layer.1.output.dense.weight";
  const values = await load("roberta", half);
  const expected = Float32Array.from(new Float16Array(tensors[key]!.data as Float32Array));
  assert.deepEqual(values.get(`part.${key}`), expected);
});

/** A tensor of a fixture with one value, of many, replaced. */
function setOne(tensors: Tensors, key: string, value: number): void {
  const values = (tensors[key]!.data as Float32Array).slice();
  values[values.length - 2] = value;
  tensors[key] = { ...tensors[key]!, data: values };
}

const refusals: [string, (tensors: Tensors) => void, RegExp][] = [
  [
    "a missing tensor",
    (t) => delete t["encoder.layer.0.output.dense.bias"],
    /missing: encoder\.layer\.0\.output\.dense\.bias$/,
  ],
  ["a layer too many", (t) => {
    t["encoder.layer.3.output.dense.bias"] = t["encoder.layer.2.output.dense.bias"]!;
  }, /unexpected: encoder\.layer\.3\.output\.dense\.bias$/],
  ["another shape", (t) => {
    t["embeddings.position_embeddings.weight"] = { dtype: "F32", shape: [2, 32], data: new Float32Array(64) };
  }, /misshapen: embeddings\.position_embeddings\.weight is \[2, 32\], not \[24, 32\]$/],
  ["a transposed matrix", (t) => {
    const name = "encoder.layer.0.intermediate.dense.weight";
    t[name] = { ...t[name]!, shape: [32, 48] };
  }, /dense\.weight is \[32, 48\], not \[48, 32\]/],
  ["many faults", (t) => {
    for (const name of Object.keys(t).filter((name) => name.includes("layer.1"))) delete t[name];
    t["extra"] = { dtype: "F32", shape: [1], data: new Float32Array(1) };
  }, /missing: (encoder\.layer\.1\.[\w.]+, ){8}and 8 more; unexpected: extra$/],
  [
    "NaN",
    (t) => setOne(t, "encoder.layer.1.output.dense.weight", NaN),
    /tensors are not finite \(.*NaN or infinity.*\): encoder\.layer\.1\.output\.dense\.weight$/,
  ],
  [
    "infinity in half precision",
    (t) => {
      const { shape, data } = t["embeddings.LayerNorm.bias"]!;
      t["embeddings.LayerNorm.bias"] = { dtype: "F16", shape, data };
      setOne(t, "embeddings.LayerNorm.bias", -Infinity);
    },
    /not finite \(.*\): embeddings\.LayerNorm\.bias$/,
  ],
  ["NaN everywhere", (t) => {
    for (const name of Object.keys(t)) setOne(t, name, NaN);
  }, /not finite \(.*\): ([\w.]+, ){8}and \d+ more$/],
];
for (const [what, spoil, message] of refusals) {
  Deno.test(`loadEncoderWeights() refuses ${what} by name`, async () => {
    const tensors = tensorsOf("roberta");
    spoil(tensors);
    await assert.rejects(
      load("roberta", tensors),
      (e) =>
        e instanceof UserError && /model\.safetensors as a roberta/.test(e.message) &&
        message.test(e.message),
    );
  });
}

Deno.test("loadEncoderWeights() writes nothing of a checkpoint it refuses", async () => {
  const config = readEncoderConfig(checkpointFolder("roberta"), { num_hidden_layers: 4 });
  const { parameters, type } = buildEncoder(gpu, "", config);
  const before = await parameters.read();
  using checkpoint = openWeights(checkpointFolder("roberta"));
  await assert.rejects(loadEncoderWeights(parameters, "", checkpoint, type), UserError);
  assert.deepEqual(await parameters.read(), before);
  parameters.dispose();
});

for (const name of ENCODERS) {
  const { model_type } = readEncoderConfig(checkpointFolder(name));
  const format = encoderType(model_type).checkpoint!;
  const stored = tensorsOf(name);
  const tensorOf = (parameter: string) =>
    Object.entries(stored).find(([key]) => parameterName(format, key) === parameter)?.[1];
  const table = tensorOf("embeddings.position_embeddings");
  if (format.fit === undefined || table === undefined) continue;
  Deno.test(`a ${name} for other images has interpolated positions, and says so`, async () => {
    const warnings: string[] = [];
    const values = await load(name, stored, { image_size: 40 }, (warning) => warnings.push(warning));
    assert.ok(warnings.includes("Position embeddings of 3 x 3 patches were interpolated to 5 x 5"));
    const [rows, width] = table.shape.slice(-2) as [number, number];
    const expected = resizePositions(table.data as Float32Array, { tokens: rows - 9, from: 3, to: 5, width });
    assert.deepEqual(values.get("part.embeddings.position_embeddings"), expected);
    const patches = "embeddings.patch_embeddings.projection.weight";
    assert.deepEqual(values.get(`part.${patches}`), tensorOf(patches)!.data);
  });
}

for (const name of ENCODERS) {
  Deno.test(`a ${name} in pytorch_model.bin, whole or in shards, is the one in safetensors`, async () => {
    using folder = temporaryFolder();
    const { path } = folder;
    Deno.copyFileSync(`${checkpointFolder(name)}/config.json`, `${path}/config.json`);
    using stored = openWeights(checkpointFolder(name));
    const tensors = Array.from(stored.tensors, ([key, { dtype, shape }]): [string, TensorToStore] => [
      key,
      { dtype, shape, data: stored.readTyped(key) },
    ]);
    const { parameters } = await loadFolder(gpu, checkpointFolder(name), "part");
    const expected = await parameters.read();
    parameters.dispose();
    const load = async () => {
      const { parameters } = await loadFolder(gpu, path, "part");
      assert.deepEqual(await parameters.read(), expected);
      parameters.dispose();
    };
    Deno.writeFileSync(`${path}/pytorch_model.bin`, torchFile(tensors));
    await load();
    Deno.removeSync(`${path}/pytorch_model.bin`);
    const shards = [tensors.slice(0, 5), tensors.slice(5)];
    for (const [i, shard] of shards.entries()) Deno.writeFileSync(`${path}/shard-${i}.bin`, torchFile(shard));
    const weight_map = Object.fromEntries(
      shards.flatMap((shard, i) => shard.map(([key]) => [key, `shard-${i}.bin`])),
    );
    Deno.writeTextFileSync(`${path}/pytorch_model.bin.index.json`, JSON.stringify({ weight_map }));
    await load();
  });
}

Deno.test("a table of positions that is no square is refused", async () => {
  const tensors = tensorsOf("vit");
  const name = "vit.embeddings.position_embeddings";
  tensors[name] = { dtype: "F32", shape: [1, 9, 24], data: new Float32Array(9 * 24) };
  await assert.rejects(load("vit", tensors), /position_embeddings is \[1, 9, 24\], not \[1, 10, 24\]/);
});

Deno.test("resizePositions() agrees with torch's bicubic interpolation", () => {
  const fixture = new Fixture("encoders/positions");
  const table = fixture.floats("table");
  for (const to of [1, 2, 4, 7]) {
    const resized = resizePositions(table, { tokens: 1, from: 3, to, width: 8 });
    assertClose(`${to} x ${to}`, resized, fixture.floats(`to.${to}`));
  }
  assert.deepEqual(resizePositions(table, { tokens: 1, from: 3, to: 3, width: 8 }), table);
  // A second token before the patches stays where it is, too.
  const token = Float32Array.from({ length: 8 }, (_, i) => i);
  const two = resizePositions(Float32Array.of(...token, ...table), { tokens: 2, from: 3, to: 4, width: 8 });
  const one = resizePositions(table, { tokens: 1, from: 3, to: 4, width: 8 });
  assert.deepEqual(two, Float32Array.of(...token, ...one));
  fixture.close();
});

Deno.test("BEiT's biases by distance are those of PyTorch, for images of its size and of others", async () => {
  const fixture = new Fixture("encoders/distances");
  const [rows, heads] = fixture.shape("table") as [number, number];
  assert.equal(rows, 5 ** 2 + 3);
  for (const side of [2, 3, 5]) {
    const parameters = new Parameters();
    const bias = new GridPositions(parameters.root, side, heads);
    parameters.allocate(gpu, 0);
    const table = resizeDistances(fixture.floats("table"), { from: 3, to: side, heads });
    parameters.write("relative_position_bias_table", table);
    const actual = scope(() => bias.forward());
    assert.deepEqual(actual.shape, fixture.shape(`to.${side}`));
    assertClose(`${side} x ${side}`, await actual.read(), fixture.floats(`to.${side}`));
    actual.dispose();
    parameters.dispose();
  }
  fixture.close();
});

for (const name of ["beit", "beit_shared"] as const) {
  Deno.test(`a ${name} for other images has interpolated biases by distance, and says so`, async () => {
    const warnings = new Set<string>();
    const values = await load(name, tensorsOf(name), { image_size: 40 }, (warning) => warnings.add(warning));
    assert.ok(warnings.has("Biases by distance of 3 x 3 patches were interpolated to 5 x 5"));
    const tables = [...values].filter(([name]) => name.endsWith("relative_position_bias_table"));
    assert.ok(tables.length > 0 && tables.every(([, table]) => table.length === (9 ** 2 + 3) * 3));
  });
}

Deno.test("loadFolder() of a checkpoint in shards holds the values of every shard", async () => {
  const { parameters } = await loadFolder(gpu, checkpointFolder("roberta"), "text");
  using checkpoint = openWeights(checkpointFolder("roberta"));
  for (const [name, values] of await parameters.read()) {
    assert.deepEqual(values, checkpoint.readFloat32(name.slice("text.".length)), name);
  }
  parameters.dispose();
});
