import assert from "node:assert/strict";
import { join } from "node:path";
import { exportRun } from "../../src/app/export_run.ts";
import { readEncoderConfig } from "../../src/build/hf_config.ts";
import { readJsonObject } from "../../src/io/json_file.ts";
import { openSafetensors } from "../../src/io/safetensors.ts";
import { concatenation } from "../../src/models/methods/fusion.ts";
import type { Method } from "../../src/models/methods/method.ts";
import { registerMethod } from "../../src/models/methods/registry.ts";
import { UserError } from "../../src/base/user_error.ts";
import { Learner } from "../../src/train/learner.ts";
import { RunFolder } from "../../src/runs/run_folder.ts";
import { modalityFile } from "../../src/runs/preprocessing.ts";
import { keepData } from "../runs/kept.ts";
import { openTestGpu } from "../open_gpu.ts";
import { tinyConfig, tinyData } from "../train/tiny.ts";

const FEW = { train: 3, validation: 3, test: 3 };

const refuses = (error: unknown, message: RegExp) =>
  error instanceof UserError && message.test(error.message);

Deno.test("a run is exported as an encoder a folder, and its heads", async () => {
  const folder = Deno.makeTempDirSync();
  try {
    const data = tinyData(FEW);
    const run = RunFolder.create(join(folder, "run"), tinyConfig());
    await assert.rejects(
      exportRun(run.path, join(folder, "out")),
      (e) => refuses(e, /keeps nothing of what it learned from.*unis before 0\.2.*train it anew/),
    );
    keepData(run, data);
    await assert.rejects(
      exportRun(run.path, join(folder, "out")),
      (e) => refuses(e, /not finished an epoch/),
    );
    const learner = new Learner(await openTestGpu(), run.config, data);
    const weights = await learner.readWeights();
    learner.dispose();
    run.checkpoints.saveBest(weights, 7, 0.5);
    const to = join(folder, "new", "out");
    const written = await exportRun(run.path, to);
    assert.deepEqual(
      written,
      ["image", "text", "heads.safetensors", "heads.json", "predict.py", "answers.py", "README.md"].map((
        name,
      ) => join(to, name)),
    );

    const image = readEncoderConfig(join(to, "image"));
    assert.ok(image.model_type === "vit" && image.image_size === 8 && image.patch_size === 4);
    const text = readEncoderConfig(join(to, "text"));
    assert.ok(text.model_type === "bert" && text.vocab_size === 9 && text.max_position_embeddings === 8);
    const parts = { "image.": "image/model", "text.": "text/model", "heads.": "heads" };
    for (const [prefix, name] of Object.entries(parts)) {
      using file = openSafetensors(join(to, `${name}.safetensors`));
      const expected = [...weights].filter(([name]) => name.startsWith(prefix));
      assert.equal(file.tensors.size, expected.length);
      for (const [name, { data }] of expected) {
        assert.deepEqual(file.readFloat32(name.slice(prefix.length)), data, name);
      }
    }
    const heads = readJsonObject(join(to, "heads.json"));
    assert.deepEqual(heads.modalities, ["image", "text"]);
    assert.deepEqual(heads.classes, data.classes);
    assert.equal(heads.epoch, 7);
    assert.deepEqual(heads.background, { image: "white" });
    assert.deepEqual(heads.pooling, { image: "first", text: "first" });
    assert.deepEqual(heads.representations, {
      image: "last hidden state, normalised, first token",
      text: "last hidden state, first token",
    });
    const preprocessor = readJsonObject(join(to, "image", "preprocessor_config.json"));
    assert.deepEqual(preprocessor.size, { height: 8, width: 8 });
    const tokenizer = readJsonObject(join(to, "text", "tokenizer_config.json"));
    assert.equal(tokenizer.cls_token, "[CLS]");
    assert.equal(tokenizer.model_max_length, 8);
    assert.ok("model" in readJsonObject(join(to, "text", "tokenizer.json")));

    await assert.rejects(
      exportRun(run.path, to),
      (e) => refuses(e, /Cannot export to .*out: it is not empty/),
    );
    await assert.rejects(
      exportRun(run.path, join(to, "heads.json")),
      (e) => refuses(e, /Cannot export to .*heads\.json: it is a file/),
    );
    // Files that came with pretrained encoders go with them, but for a preprocessor of another image size.
    const keep = (modality: string, name: string, value: object) => {
      run.files.writeJson(modalityFile(modality, name), value);
    };
    const given = { size: 8, resample: 3 };
    keep("text", "tokenizer_config.json", { tokenizer_class: "BertTokenizer" });
    keepData(run, data);
    keep("image", "preprocessor_config.json", given);
    await exportRun(run.path, join(folder, "kept"));
    const read = (path: string) => readJsonObject(join(folder, path));
    assert.deepEqual(
      read("kept/text/tokenizer_config.json"),
      { tokenizer_class: "BertTokenizer", model_max_length: 8 },
      "with the longest text that the model was trained to read",
    );
    assert.ok("model" in read("kept/text/tokenizer.json"));
    assert.deepEqual(read("kept/image/preprocessor_config.json"), given);
    keep("image", "preprocessor_config.json", { ...given, size: 16 });
    await exportRun(run.path, join(folder, "resized"));
    assert.deepEqual(read("resized/image/preprocessor_config.json"), preprocessor);

    const wider = RunFolder.create(
      join(folder, "wider"),
      tinyConfig("model.encoders.image.intermediate_size=24"),
    );
    keepData(wider, data);
    wider.checkpoints.saveBest(weights, 1, 0.5);
    await assert.rejects(
      exportRun(wider.path, join(folder, "other")),
      (e) => refuses(e, /intermediate\.dense\.weight is \[16, 8\], not \[24, 8\]/),
    );
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

Deno.test("an export says how representations are fused, and has no script for what the script cannot do", async () => {
  const doubled: Method = {
    name: "doubled",
    description: "the fused loss alone",
    fusion: { ...concatenation, description: "twice all representations, concatenated" },
    unimodalHeadsAreProbes: true,
  };
  registerMethod(doubled);
  const folder = Deno.makeTempDirSync();
  try {
    const data = tinyData(FEW);
    const cases = [
      ["agg-mm", concatenation.description, ["image", "text"], true],
      ["text", null, ["text"], true],
      ["doubled", doubled.fusion!.description, ["image", "text"], false],
    ] as const;
    for (const [method, fusion, modalities, hasScript] of cases) {
      const run = RunFolder.create(join(folder, method), tinyConfig(`method=${method}`));
      keepData(run, data);
      const learner = new Learner(await openTestGpu(), run.config, data);
      run.checkpoints.saveBest(await learner.readWeights(), 1, 0.5);
      learner.dispose();
      const notes: string[] = [];
      const written = await exportRun(run.path, join(folder, `${method}-out`), {
        note: (line) => notes.push(line),
      });
      const heads = readJsonObject(join(folder, `${method}-out`, "heads.json"));
      assert.equal(heads.fusion, fusion);
      assert.deepEqual(heads.modalities, modalities);
      assert.equal(written.some((path) => path.endsWith("predict.py")), hasScript, method);
      assert.equal(notes.length, hasScript ? 0 : 1);
      if (!hasScript) assert.match(notes[0]!, /predict\.py is left out: it cannot do the fusion "twice all/);
    }
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});
