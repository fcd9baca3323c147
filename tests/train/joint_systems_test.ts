/** Every method for images and texts through the real training loop, and what a run of one is like. */
import assert from "node:assert/strict";
import { UserError } from "../../src/base/user_error.ts";
import { parseConfig, withSettings } from "../../src/config/run_config.ts";
import { PRESETS } from "../../src/config/presets.ts";
import { methods } from "../../src/models/methods/registry.ts";
import { represent } from "../../src/train/representations.ts";
import { Learner } from "../../src/train/learner.ts";
import { openTestGpu } from "../open_gpu.ts";
import { SETTINGS } from "./joint_settings.ts";
import { tinyConfig, tinyData } from "./tiny.ts";
import { trained } from "./trained.ts";

const data = tinyData({ train: 96, validation: 24, test: 48 });
const systems = methods().filter(({ reads }) => String(reads) === "image,text");

for (const { name, encoder } of systems) {
  Deno.test(`${name} learns from images and texts, and has one head`, async () => {
    const config = tinyConfig(
      `method=${name}`,
      "training.epochs=6",
      "model.head.dropout=0",
      ...SETTINGS[name] ?? [],
    );
    const { test: { evaluation }, records, weights } = await trained(config, data);
    const head = encoder === undefined ? "fusion" : "joint";
    assert.deepEqual(Object.keys(evaluation.accuracy), [head]);
    assert.ok(evaluation.accuracy[head]! > 0.6, `accuracy ${evaluation.accuracy[head]} of three classes`);
    const { training_loss, pairs } = records.at(-1)!;
    assert.deepEqual([Object.keys(training_loss), pairs], [["total", head], {}]);
    assert.equal(training_loss.total, training_loss[head]);
    const parts = new Set([...weights.keys()].map((name) => name.slice(0, name.indexOf("."))));
    assert.deepEqual(parts, new Set([...encoder === undefined ? ["image", "text"] : ["joint"], "heads"]));
  });

  Deno.test(`${name} refuses other encoders, and tells what it is for`, async () => {
    const gpu = await openTestGpu();
    const mlp = JSON.stringify({
      model_type: "mlp",
      hidden_size: 8,
      num_hidden_layers: 1,
      hidden_dropout_prob: 0,
    });
    const config = () => withSettings(tinyConfig(), [`model.encoders.text=${mlp}`, `method=${name}`]);
    assert.throws(
      () => new Learner(gpu, config(), data),
      (error) => error instanceof UserError && !/undefined/.test(error.message),
    );
  });
}

Deno.test("the systems that read images and texts are these", () => {
  assert.deepEqual(systems.map(({ name }) => name), ["mmbt", "vilt", "cma-clip", "me"]);
});

Deno.test("a joint encoding is what runs represent samples by", async () => {
  const learner = new Learner(await openTestGpu(), tinyConfig("method=mmbt"), data);
  const found = await represent(learner, data, "test", Uint32Array.of(0, 3));
  learner.dispose();
  assert.deepEqual([...found].map(([name, rows]) => [name, rows.length, rows[0]!.length]), [[
    "fusion",
    2,
    8,
  ]]);
});

Deno.test("vilt takes the sizes of the encoders in whose place it comes, and what is said of itself", () => {
  const own = ["model.encoders.joint.num_hidden_layers=3", "optimizer.learning_rates.image=0.002"];
  const config = withSettings(PRESETS.emoji, ["method=vilt", ...own]);
  const { joint, ...others } = config.model.encoders;
  const { image } = PRESETS.emoji.model.encoders as Record<string, Record<string, unknown>>;
  assert.deepEqual(others, {});
  assert.deepEqual(joint!.inputs, { image: "image", text: "text" });
  assert.deepEqual(
    [joint!.model_type, joint!.hidden_size, joint!.patch_size, joint!.num_hidden_layers],
    ["vilt", image!.hidden_size, image!.patch_size, 3],
  );
  assert.deepEqual(config.optimizer.learning_rates, { joint: 0.002 });
  assert.deepEqual(parseConfig(JSON.parse(JSON.stringify(config)), "copy"), config);
  assert.deepEqual(withSettings(config, []), config, "a configuration that has its encoder stays as it is");
});
