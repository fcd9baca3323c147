import assert from "node:assert/strict";
import { join } from "node:path";
import type { DownloadProgress } from "../../src/io/hub.ts";
import { wordPieceJson } from "../../src/data/tokenizer_json.ts";
import { numbered } from "../../src/data/word_piece.ts";
import { exportEncoder, preprocessorConfig } from "../../src/io/hf_export.ts";
import { openSafetensors, type TensorToStore, writeSafetensors } from "../../src/io/safetensors.ts";
import { UserError } from "../../src/io/user_error.ts";
import { Bert, bertConfig } from "../../src/models/bert.ts";
import { Vit, vitConfig } from "../../src/models/vit.ts";
import { Parameters } from "../../src/nn/parameters.ts";
import { parseConfig } from "../../src/train/config.ts";
import { Learner } from "../../src/train/learner.ts";
import {
  choosePretrained,
  findPretrained,
  keepEncoderFiles,
  loadPretrained,
} from "../../src/train/pretrained.ts";
import { PRESETS } from "../../src/train/presets.ts";
import { RunFolder } from "../../src/train/run_folder.ts";
import { temporaryFolder } from "../io/crafted.ts";
import { openTestGpu } from "../open_gpu.ts";
import { tinyData } from "./tiny.ts";

const gpu = await openTestGpu();
const SILENT: DownloadProgress = { begin() {}, advance() {}, end() {}, note() {} };
const SMALL = { hidden_size: 16, num_hidden_layers: 1, num_attention_heads: 2, intermediate_size: 24 };
const NORMALISATION = { mean: [0.5, 0.4, 0.5], std: [0.5, 0.5, 0.6] } as const;
const TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "red", "green", "blue", "dot", "line"];

/** Writes a tiny ViT and BERT as folders of Hugging Face's; gives their weights by modality and name. */
async function writeEncoders(to: string) {
  const models = {
    image: {
      config: vitConfig({ ...SMALL, image_size: 8, patch_size: 4 }),
      companions: { "preprocessor_config.json": preprocessorConfig(8, NORMALISATION) },
    },
    text: {
      config: bertConfig({ ...SMALL, vocab_size: TOKENS.length, max_position_embeddings: 12 }),
      companions: { "tokenizer.json": wordPieceJson(numbered(TOKENS)) },
    },
  };
  const weights: Record<string, Map<string, Float32Array>> = {};
  for (const [name, { config, companions }] of Object.entries(models)) {
    const parameters = new Parameters();
    if (config.model_type === "vit") new Vit(parameters.root, config, NORMALISATION);
    else new Bert(parameters.root, config);
    parameters.allocate(gpu, 5);
    const values = weights[name] = await parameters.read();
    const tensors: Record<string, TensorToStore> = {};
    for (const { name, shape } of parameters) {
      tensors[name] = { dtype: "F32", shape, data: values.get(name)! as Float32Array<ArrayBuffer> };
    }
    parameters.dispose();
    const file = join(to, `${name}.safetensors`);
    writeSafetensors(file, tensors);
    using stored = openSafetensors(file);
    exportEncoder(join(to, name), { config, weights: stored, prefix: "", companions: { ...companions } });
  }
  return weights;
}

Deno.test("pretrained encoders decide architecture, image size and rates, and their weights are what training starts from", async () => {
  using folder = temporaryFolder();
  const weights = await writeEncoders(folder.path);
  const wanted = { image: join(folder.path, "image"), text: join(folder.path, "text") };
  const { config, folders } = await choosePretrained(PRESETS.emoji, wanted, SILENT);
  assert.equal(config.data.image_size, 8);
  assert.deepEqual(config.data.image_mean, [0.5, 0.4, 0.5]);
  assert.equal(config.data.max_tokens, 12, "no more tokens than there are positions");
  assert.deepEqual(config.optimizer.learning_rates, { image: 5e-5, text: 5e-5 });
  assert.deepEqual(
    parseConfig(JSON.parse(JSON.stringify(config)), "copy"),
    config,
    "the run can be read again",
  );

  const learner = new Learner(gpu, config, tinyData({ train: 4, validation: 2, test: 2 }));
  await loadPretrained(learner, folders, () => {});
  const found = await learner.readWeights();
  for (const [modality, values] of Object.entries(weights)) {
    for (const [name, value] of values) assert.deepEqual(found.get(`${modality}.${name}`)?.data, value, name);
  }
  learner.dispose();

  const run = RunFolder.create(join(folder.path, "run"), config);
  keepEncoderFiles(run, folders);
  assert.deepEqual(
    Array.from(Deno.readDirSync(run.encoderFolder("text")), ({ name }) => name).sort(),
    ["config.json", "tokenizer.json"],
  );
  assert.deepEqual(await findPretrained(config, SILENT), folders);
});

const refusals: readonly [string, { image?: string; text?: string }, RegExp][] = [
  ["a BERT for images", { image: "text" }, /preprocessor_config\.json/],
  ["a ViT for texts", { text: "image" }, /image.*(tokenizer|vocab)/s],
  ["a folder that is not there", { text: "nowhere/at/all" }, /nowhere\/at\/all.*no such folder/],
];
for (const [what, wanted, message] of refusals) {
  Deno.test(`choosePretrained() refuses ${what}`, async () => {
    using folder = temporaryFolder();
    await writeEncoders(folder.path);
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
