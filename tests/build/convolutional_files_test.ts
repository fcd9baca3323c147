/** ResNet and DenseNet in files: told by their tensors, exported and read again, refused where they are of another kind. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { readEncoderConfig } from "../../src/build/hf_config.ts";
import { loadEncoderWeights } from "../../src/build/hf_weights.ts";
import { choosePretrained, keepEncoderFiles } from "../../src/build/pretrained.ts";
import { hasInputs } from "../../src/config/data_config.ts";
import { PRESETS } from "../../src/config/presets.ts";
import { parseConfig } from "../../src/config/run_config.ts";
import { preprocessorOf } from "../../src/build/image_preprocessor.ts";
import { UserError } from "../../src/base/user_error.ts";
import { exportEncoder } from "../../src/export/export_encoder.ts";
import type { DownloadProgress } from "../../src/io/hub.ts";
import { writeJsonFile } from "../../src/io/json_file.ts";
import { openSafetensors, type TensorToStore, writeSafetensors } from "../../src/io/safetensors.ts";
import { openWeights } from "../../src/io/weights_file.ts";
import { densenet } from "../../src/models/encoders/densenet.ts";
import type { EncoderConfig } from "../../src/models/encoders/encoder.ts";
import { encoderType } from "../../src/models/encoders/registry.ts";
import { vit } from "../../src/models/encoders/vit.ts";
import { resnet } from "../../src/models/encoders/resnet.ts";
import { Parameters } from "../../src/nn/parameters.ts";
import { modalityFolder } from "../../src/runs/preprocessing.ts";
import { RunFolder } from "../../src/runs/run_folder.ts";
import { temporaryFolder } from "../io/crafted.ts";
import { images } from "../models/tiny_specs.ts";
import { openTestGpu } from "../open_gpu.ts";

const gpu = await openTestGpu();
const SILENT: DownloadProgress = { begin() {}, advance() {}, end() {}, note() {} };
const folderOf = (name: string) => new URL(`../fixtures/convolutional/${name}`, import.meta.url).pathname;

/** The parameters and buffers of an encoder that has the weights of a folder. */
async function load(folder: string) {
  const config = readEncoderConfig(folder);
  const parameters = new Parameters();
  encoderType(config.model_type).build(parameters.root, config, { image: images(32) });
  parameters.allocate(gpu, 0);
  using checkpoint = openWeights(folder);
  await loadEncoderWeights(parameters, "", checkpoint, encoderType(config.model_type));
  const values = await parameters.read();
  const shapes = new Map(Array.from(parameters.state(), ({ name, shape }) => [name, shape]));
  parameters.dispose();
  return { config, values, shapes };
}

/** Exports an encoder from weights as a run keeps them. */
function exported(to: string, { config, values, shapes }: Awaited<ReturnType<typeof load>>): void {
  const file = `${to}.safetensors`;
  const tensors: Record<string, TensorToStore> = {};
  for (const [name, data] of values) {
    tensors[`image.${name}`] = { dtype: "F32", shape: shapes.get(name)!, data };
  }
  writeSafetensors(file, tensors);
  using weights = openSafetensors(file);
  exportEncoder(to, { config, weights, prefix: "image." });
}

const SIZES: Readonly<Record<string, object>> = {
  resnet_basic: {
    embedding_size: 8,
    hidden_sizes: [8, 8, 12, 16],
    depths: [1, 2, 1, 1],
    layer_type: "basic",
  },
  resnet: {
    embedding_size: 8,
    hidden_sizes: [16, 24, 32, 40],
    depths: [2, 1, 1, 1],
    layer_type: "bottleneck",
  },
  densenet: { growth_rate: 4, block_config: [2, 3, 1, 2], num_init_features: 8, bn_size: 2 },
};

for (const [name, sizes] of Object.entries(SIZES)) {
  Deno.test(`the sizes of a ${name} come from its folder, which an export gives back with all buffers`, async () => {
    using folder = temporaryFolder();
    const first = await load(folderOf(name));
    const type = name === "densenet" ? densenet : resnet;
    assert.deepEqual(first.config, type.configure(sizes) as EncoderConfig);
    const to = join(folder.path, "encoder");
    exported(to, first);
    assert.deepEqual(await load(to), first);
    using stored = openSafetensors(join(to, "model.safetensors"));
    using original = openWeights(folderOf(name));
    const counters = [...stored.tensors].filter(([key]) => key.endsWith("num_batches_tracked"));
    assert.ok(counters.length > 0 && counters.every(([, { dtype }]) => dtype === "I64"));
    assert.deepEqual(stored.readTyped(counters[0]![0]), BigInt64Array.of(7n));
    // A ResNet is exported by the names of Hugging Face's ResNetModel, a DenseNet by those it came with.
    const names = [...stored.tensors.keys()].sort();
    const prefixed = name === "resnet_basic"
      ? undefined
      : [...original.tensors.keys()].filter((key) => !/^classifier/.test(key))
        .map((key) => key.replace(/^resnet\./, "")).sort();
    if (prefixed) assert.deepEqual(names, prefixed);
    else assert.ok(names.includes("encoder.stages.1.layers.1.layer.0.convolution.weight"), names.join());
  });
}

/** A folder with the tensors of another, some of which are renamed, left out or added. */
function changed(to: string, from: string, change: (name: string) => string | undefined, more = {}): void {
  using file = openWeights(from);
  const tensors: Record<string, TensorToStore> = { ...more };
  for (const [name, { dtype, shape }] of file.tensors) {
    const key = change(name);
    if (key !== undefined) tensors[key] = { dtype, shape, data: file.readTyped(name) };
  }
  writeSafetensors(join(to, "model.safetensors"), tensors);
}

Deno.test("files of before 2018 load: names with more full stops, and no count of batches", async () => {
  using folder = temporaryFolder();
  changed(
    folder.path,
    folderOf("densenet"),
    (name) =>
      name.endsWith("num_batches_tracked")
        ? undefined
        : name.replace(/(?<=denselayer\d+\.(?:norm|conv))(?=\d)/, "."),
  );
  const [old, now] = [await load(folder.path), await load(folderOf("densenet"))];
  assert.deepEqual(old.config, now.config);
  for (const [name, values] of old.values) {
    const expected = name.endsWith("num_batches_tracked") ? Float32Array.of(0) : now.values.get(name)!;
    assert.deepEqual(values, expected, name);
  }
});

Deno.test("weights beside no config.json of Hugging Face's are refused where no encoder is known by them", async () => {
  const stored = { dtype: "F32", shape: [1], data: Float32Array.of(1) } as const;
  using none = temporaryFolder();
  writeSafetensors(join(none.path, "model.safetensors"), { "blocks.0.weight": stored });
  assert.throws(
    () => readEncoderConfig(none.path),
    (e) =>
      e instanceof UserError &&
      /Cannot find .*config\.json, and no weights beside it of an encoder/.test(e.message),
  );
  using more = temporaryFolder();
  changed(more.path, folderOf("resnet_basic"), (name) => name, { "layer1.0.se.fc1.weight": stored });
  await assert.rejects(load(more.path), /unexpected: layer1\.0\.se\.fc1\.weight/);
  using fewer = temporaryFolder();
  changed(fewer.path, folderOf("resnet_basic"), (name) => name === "bn1.running_var" ? undefined : name);
  await assert.rejects(load(fewer.path), /missing: embedder\.embedder\.normalization\.running_var/);
});

Deno.test("images are made ready as torchvision has it, or as timm's config.json says, or as a file beside says", () => {
  using folder = temporaryFolder();
  const { spec, preparation } = preprocessorOf(folder.path, resnet);
  assert.deepEqual(preparation, {
    filter: "bilinear",
    resize: { shortestEdge: 256 },
    crop: { height: 224, width: 224 },
  });
  assert.deepEqual([spec.mean, spec.std], [[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]]);
  const half = [0.5, 0.5, 0.5];
  writeJsonFile(join(folder.path, "config.json"), {
    architecture: "resnet50",
    pretrained_cfg: {
      input_size: [3, 288, 288],
      interpolation: "bicubic",
      crop_pct: 0.95,
      mean: half,
      std: half,
    },
  });
  const timm = preprocessorOf(folder.path, resnet);
  assert.deepEqual(timm.preparation, {
    filter: "bicubic",
    resize: { shortestEdge: 303 },
    crop: { height: 288, width: 288 },
  });
  assert.deepEqual(timm.spec.mean, half);
  writeJsonFile(join(folder.path, "preprocessor_config.json"), { size: 96 });
  assert.deepEqual(preprocessorOf(folder.path, resnet).preparation.resize, { height: 96, width: 96 });
});

Deno.test("a folder that does not say how its images are made ready is told what it lacks, where its kind has no custom", () => {
  using folder = temporaryFolder();
  assert.throws(
    () => preprocessorOf(folder.path, vit),
    (error) =>
      error instanceof UserError &&
      error.message.startsWith(`${folder.path} has no preprocessor_config.json, which says how images are`) &&
      error.message.endsWith("for a ViT: put the file there that belongs to the weights"),
  );
});

Deno.test("sizes of a ResNet that do not go together, and images too small for a DenseNet, are refused", () => {
  const dense = (side: number) => () =>
    densenet.build(new Parameters().root, densenet.configure(), { image: images(side) });
  assert.throws(dense(28), (e) => e instanceof UserError && /28 x 28 .* at least 29/.test(e.message));
  assert.equal(dense(29)().hiddenSize, 1024);
  for (
    const [sizes, message] of [
      [{ depths: [1, 1] }, /hidden_sizes \[256, 512, 1024, 2048\] and depths \[1, 1\]/],
      [{ hidden_sizes: [6], depths: [1] }, /bottlenecks with 6 in hidden_sizes: use a multiple of 4/],
      [{ hidden_sizes: [4, 4, 4, 4, 4], depths: [1, 1, 1, 1, 1] }, /at most 4/],
    ] as const
  ) {
    const build = () => resnet.build(new Parameters().root, resnet.configure(sizes), { image: images(32) });
    assert.throws(build, (e) => e instanceof UserError && message.test(e.message));
  }
  assert.throws(
    () => resnet.configure({ depths: [1, 0] }),
    /depths = \[1,0\] .* a list of whole numbers, each at least 1/,
  );
});

Deno.test("weights alone are enough for --image-encoder: a run gets their sizes, and keeps how images were made ready", async () => {
  using folder = temporaryFolder();
  const source = folderOf("resnet_basic");
  const { config, folders } = await choosePretrained(PRESETS.emoji, { image: source }, SILENT);
  const { data, model } = config;
  assert.ok(hasInputs(data) && data.image_size === 224);
  assert.deepEqual(data.image_mean, [0.485, 0.456, 0.406]);
  const { model_type, hidden_sizes, pretrained } = model.encoders.image!;
  assert.deepEqual({ model_type, hidden_sizes, pretrained }, {
    model_type: "resnet",
    hidden_sizes: [8, 8, 12, 16],
    pretrained: { source, commit: null },
  });
  const run = RunFolder.create(join(folder.path, "run"), parseConfig(structuredClone(config), "copy"));
  keepEncoderFiles(run, folders);
  const { preparation } = preprocessorOf(modalityFolder(run, "image"), resnet);
  assert.deepEqual(preparation.resize, { shortestEdge: 256 });
});
