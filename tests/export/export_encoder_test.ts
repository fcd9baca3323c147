import assert from "node:assert/strict";
import { join } from "node:path";
import { readEncoderConfig } from "../../src/build/hf_config.ts";
import type { EncoderConfig } from "../../src/models/encoders/encoder.ts";
import { exportEncoder, preprocessorConfig } from "../../src/export/export_encoder.ts";
import { readJsonObject } from "../../src/io/json_file.ts";
import { openSafetensors, type TensorToStore, writeSafetensors } from "../../src/io/safetensors.ts";
import { UserError } from "../../src/base/user_error.ts";
import type { Parameters } from "../../src/nn/parameters.ts";
import { openTestGpu } from "../open_gpu.ts";
import { temporaryFolder } from "../io/crafted.ts";
import { torchFile } from "../io/crafted_torch.ts";
import { encoderType } from "../../src/models/encoders/registry.ts";
import { buildEncoder, checkpointFolder, ENCODERS, loadFolder } from "../build/hf_fixtures.ts";
import { SMALL, specsOf } from "../models/small_encoders.ts";

const gpu = await openTestGpu();

/** Exports parameters as they stand in a run's checkpoint, among others. */
async function exported(folder: string, config: EncoderConfig, parameters: Parameters, companions = {}) {
  const path = `${folder}.safetensors`;
  const values = await parameters.read();
  const tensors: Record<string, TensorToStore> = {
    "heads.x": { dtype: "F32", shape: [1], data: Float32Array.of(1) },
  };
  for (const { name, shape } of parameters) {
    tensors[`text.${name}`] = { dtype: "F32", shape, data: values.get(name)! };
  }
  writeSafetensors(path, tensors);
  using weights = openSafetensors(path);
  exportEncoder(folder, { config, weights, prefix: "text.", companions });
  return values;
}

for (const name of ENCODERS) {
  Deno.test(`an exported ${name} is read again as it was`, async () => {
    using folder = temporaryFolder();
    const to = `${folder.path}/encoder`;
    const { parameters, config } = await loadFolder(gpu, checkpointFolder(name));
    const values = await exported(to, config, parameters, { "tokenizer.json": { version: "1.0" } });
    assert.deepEqual(readEncoderConfig(to), config);
    const again = await loadFolder(gpu, to);
    assert.deepEqual(await again.parameters.read(), values);
    using file = openSafetensors(`${to}/model.safetensors`);
    assert.equal(file.metadata.get("format"), "pt");
    assert.equal(file.tensors.size, values.size);
    const json = readJsonObject(`${to}/config.json`);
    // `ViTForImageClassification` is a ViTModel and more.
    const [saved] = readJsonObject(join(checkpointFolder(name), "config.json")).architectures as string[];
    assert.deepEqual(json.architectures, [saved!.replace(/(For.*|Model)$/, "Model")]);
    assert.ok(!("dense_initializer" in json));
    assert.deepEqual(readJsonObject(`${to}/tokenizer.json`), { version: "1.0" });
    parameters.dispose();
    again.parameters.dispose();
  });
}

Deno.test("an exported ViLT is read again as it was, from pytorch_model.bin too", async () => {
  using folder = temporaryFolder();
  const to = `${folder.path}/encoder`;
  const type = encoderType("vilt");
  const specs = specsOf(type.inputs);
  const config = type.configure({ ...SMALL, ...type.fromData(specs) });
  const { parameters } = buildEncoder(gpu, "", config);
  const values = await exported(to, config, parameters);
  parameters.dispose();
  const load = async () => {
    const again = await loadFolder(gpu, to);
    assert.deepEqual(await again.parameters.read(), values);
    again.parameters.dispose();
  };
  await load();
  assert.deepEqual(readEncoderConfig(to), config);
  assert.deepEqual(readJsonObject(`${to}/config.json`).architectures, ["ViltModel"]);
  using stored = openSafetensors(`${to}/model.safetensors`);
  const tensors = Array.from(stored.tensors, ([key, { dtype, shape }]): [string, TensorToStore] => [
    key,
    { dtype, shape, data: stored.readTyped(key) },
  ]);
  Deno.removeSync(`${to}/model.safetensors`);
  Deno.writeFileSync(`${to}/pytorch_model.bin`, torchFile(tensors));
  await load();
});

Deno.test("exportEncoder() names weights that are not there and folders that cannot be made", () => {
  using folder = temporaryFolder();
  const config = readEncoderConfig(checkpointFolder("bert"));
  const file = `${folder.path}/weights.safetensors`;
  writeSafetensors(file, { "text.x": { dtype: "F32", shape: [1], data: Float32Array.of(1) } });
  using weights = openSafetensors(file);
  const throws = (run: () => void, message: RegExp) =>
    assert.throws(run, (e) => e instanceof UserError && message.test(e.message));
  throws(
    () => exportEncoder(`${folder.path}/a`, { config, weights, prefix: "image." }),
    /no tensors "image\.…" in .*weights\.safetensors/,
  );
  throws(
    () => exportEncoder(file, { config, weights, prefix: "text." }),
    /Cannot make .*weights\.safetensors/,
  );
});

Deno.test("preprocessorConfig() says what a ViT's images go through", () => {
  const mean = [0.1, 0.2, 0.3] as const;
  const std = [0.4, 0.5, 0.6] as const;
  const config = preprocessorConfig(32, { mean, std }) as Record<string, unknown>;
  assert.deepEqual(config.size, { height: 32, width: 32 });
  assert.deepEqual([config.image_mean, config.image_std], [mean, std]);
  assert.equal(config.rescale_factor, 1 / 255);
});
