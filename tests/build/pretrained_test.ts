import assert from "node:assert/strict";
import { join } from "node:path";
import type { DownloadProgress } from "../../src/io/hub.ts";
import { UserError } from "../../src/base/user_error.ts";
import { parseConfig } from "../../src/config/run_config.ts";
import { hasInputs } from "../../src/config/data_config.ts";
import { Learner } from "../../src/train/learner.ts";
import { choosePretrained, findPretrained, keepEncoderFiles } from "../../src/build/pretrained.ts";
import { loadPretrained } from "../../src/train/load_pretrained.ts";
import { PRESETS } from "../../src/config/presets.ts";
import { modalityFolder } from "../../src/runs/preprocessing.ts";
import { RunFolder } from "../../src/runs/run_folder.ts";
import { openWeights } from "../../src/io/weights_file.ts";
import { numbered } from "../../src/data/text/word_piece.ts";
import { wordPieceJson } from "../../src/data/text/tokenizer_json.ts";
import processors from "../fixtures/processors.json" with { type: "json" };
import { checkpointFolder } from "./hf_fixtures.ts";
import { temporaryFolder } from "../io/crafted.ts";
import { openTestGpu } from "../open_gpu.ts";
import { tinyData } from "../train/tiny.ts";
import { writeEncoders } from "../train/tiny_encoders.ts";

const gpu = await openTestGpu();
const SILENT: DownloadProgress = { begin() {}, advance() {}, end() {}, note() {} };
Deno.test("pretrained encoders decide architecture, image size and rates, and their weights are what training starts from", async () => {
  using folder = temporaryFolder();
  const weights = await writeEncoders(gpu, folder.path);
  const wanted = { image: join(folder.path, "image"), text: join(folder.path, "text") };
  const { config, folders } = await choosePretrained(PRESETS.emoji, wanted, SILENT);
  const { data } = config;
  assert.ok(hasInputs(data));
  assert.equal(data.image_size, 8);
  assert.deepEqual(data.image_mean, [0.5, 0.4, 0.5]);
  assert.equal(data.max_tokens, 12, "no more tokens than there are positions");
  assert.deepEqual(config.optimizer.learning_rates, { image: 5e-5, text: 5e-5 });
  assert.deepEqual(
    parseConfig(JSON.parse(JSON.stringify(config)), "copy"),
    config,
    "the run can be read again",
  );

  const learner = new Learner(gpu, config, tinyData({ train: 4, validation: 2, test: 2 }));
  await loadPretrained(learner, folders, () => {});
  const found = await learner.readWeights();
  for (const modality of ["image", "text"]) {
    for (const [name, value] of weights[modality]!) {
      assert.deepEqual(found.get(`${modality}.${name}`)?.data, value, name);
    }
  }
  learner.dispose();

  const run = RunFolder.create(join(folder.path, "run"), config);
  keepEncoderFiles(run, folders);
  assert.deepEqual(
    Array.from(Deno.readDirSync(modalityFolder(run, "text")), ({ name }) => name).sort(),
    ["config.json", "tokenizer.json"],
  );
  assert.deepEqual(await findPretrained(config, SILENT), folders);
});

Deno.test("both encoders come out of one folder that holds the towers of CLIP", async () => {
  using folder = temporaryFolder();
  const clip = join(folder.path, "clip");
  Deno.mkdirSync(clip);
  for (const name of ["config.json", "model.safetensors"]) {
    Deno.copyFileSync(join(checkpointFolder("clip"), name), join(clip, name));
  }
  const write = (name: string, json: object) =>
    Deno.writeTextFileSync(join(clip, name), JSON.stringify(json));
  write("preprocessor_config.json", { ...processors.clip, crop_size: 24, size: { shortest_edge: 24 } });
  const words = Array.from({ length: 46 }, (_, i) => `word${i}`);
  write("tokenizer.json", wordPieceJson(numbered(["[PAD]", "[UNK]", "[CLS]", "[SEP]", ...words])));
  const { config, folders } = await choosePretrained(PRESETS.emoji, { image: clip, text: clip }, SILENT);
  const { image, text } = config.model.encoders;
  assert.deepEqual([image!.model_type, text!.model_type], ["clip_vision_model", "clip_text_model"]);
  assert.deepEqual([image!.hidden_size, text!.hidden_size], [24, 12]);
  assert.deepEqual([image!.projection_dim, text!.projection_dim], [20, 20]);
  assert.ok(hasInputs(config.data));
  assert.deepEqual([config.data.image_size, config.data.max_tokens], [24, 16]);
  for (const encoder of [image!, text!]) encoder.pooling = "projection";
  const run = parseConfig(JSON.parse(JSON.stringify(config)), "copy");
  const learner = new Learner(gpu, run, tinyData({ train: 4, validation: 2, test: 2 }));
  await loadPretrained(learner, folders, () => {});
  const found = await learner.readWeights();
  using stored = openWeights(clip);
  for (const [name, key] of [["image", "visual_projection"], ["text", "text_projection"]] as const) {
    assert.deepEqual(found.get(`${name}.projection.weight`)?.data, stored.readFloat32(`${key}.weight`));
  }
  learner.dispose();
  assert.deepEqual(await findPretrained(run, SILENT, { withInputs: true }), folders);
});

Deno.test("a pretrained joint encoder takes the place of all others, and decides the method", async () => {
  using folder = temporaryFolder();
  const weights = await writeEncoders(gpu, folder.path);
  const joint = join(folder.path, "joint");
  const { config, folders } = await choosePretrained(PRESETS.emoji, { joint }, SILENT);
  assert.ok(hasInputs(config.data));
  assert.deepEqual([config.method, config.data.image_size, config.data.max_tokens], ["vilt", 8, 12]);
  assert.deepEqual(Object.keys(config.model.encoders), ["joint"]);
  assert.deepEqual(config.model.encoders.joint!.inputs, { image: "image", text: "text" });
  assert.deepEqual(config.optimizer.learning_rates, { joint: 5e-5 });
  assert.deepEqual(parseConfig(JSON.parse(JSON.stringify(config)), "copy"), config);
  const learner = new Learner(gpu, config, tinyData({ train: 4, validation: 2, test: 2 }));
  await loadPretrained(learner, folders, () => {});
  const found = await learner.readWeights();
  for (const [name, value] of weights.joint!) assert.deepEqual(found.get(`joint.${name}`)?.data, value, name);
  learner.dispose();
  const run = RunFolder.create(join(folder.path, "run"), config);
  keepEncoderFiles(run, folders);
  assert.deepEqual(
    ["image", "text"].map((name) => Array.from(Deno.readDirSync(modalityFolder(run, name))).length > 0),
    [true, true],
  );
  assert.deepEqual(await findPretrained(config, SILENT, { withInputs: true }), folders);
  await assert.rejects(
    choosePretrained(PRESETS.emoji, { joint, text: join(folder.path, "text") }, SILENT),
    (error) =>
      error instanceof UserError && /--joint-encoder reads images and texts both/.test(error.message),
  );
});

const refusals: readonly [string, { image?: string; text?: string; joint?: string }, RegExp][] = [
  ["a ViLT for images", { image: "joint" }, /--image-encoder .* is a vilt, but images are read by vit/],
  ["a BERT for both", { joint: "text" }, /preprocessor_config\.json/],
  ["a BERT for images", { image: "text" }, /preprocessor_config\.json/],
  ["a ViT for texts", { text: "image" }, /image.*(tokenizer|vocab)/s],
  ["a folder that is not there", { text: "nowhere/at/all" }, /nowhere\/at\/all.*no such folder/],
];
for (const [what, wanted, message] of refusals) {
  Deno.test(`choosePretrained() refuses ${what}`, async () => {
    using folder = temporaryFolder();
    await writeEncoders(gpu, folder.path);
    const at = (name?: string) =>
      name === undefined ? {} : { path: name.includes("/") ? name : join(folder.path, name) };
    const given = Object.fromEntries(
      Object.entries(wanted).map(([reads, name]) => [reads, at(name).path!]),
    );
    await assert.rejects(
      choosePretrained(PRESETS.emoji, given, SILENT),
      (error) => error instanceof UserError && message.test(error.message),
    );
  });
}
