import assert from "node:assert/strict";
import { parseConfig, withSettings } from "../../src/train/config.ts";
import { nearest } from "../../src/train/nearest.ts";
import { PRESETS } from "../../src/train/presets.ts";

Deno.test("every preset is a valid configuration and comes through JSON unchanged", () => {
  for (const [name, preset] of Object.entries(PRESETS)) {
    assert.deepEqual(parseConfig(JSON.parse(JSON.stringify(preset)), name), preset);
  }
});

Deno.test("withSettings() changes what is named and nothing else, later settings winning", () => {
  const { emoji } = PRESETS;
  const before = structuredClone(emoji);
  const changed = withSettings(emoji, [
    "seed=1",
    "seed=42",
    "optimizer.encoder_learning_rate=1e-3",
    "data.labels=subgroup",
    'optimizer.learning_rates={"text":0.5}',
    "model.encoders.image.hidden_size=32",
  ]);
  const expected = structuredClone(emoji);
  expected.seed = 42;
  expected.optimizer.encoder_learning_rate = 0.001;
  expected.data.labels = "subgroup";
  expected.optimizer.learning_rates = { text: 0.5 };
  (expected.model.encoders.image as { hidden_size: number }).hidden_size = 32;
  assert.deepEqual(changed, expected);
  assert.deepEqual(emoji, before, "the preset itself has changed");
});

Deno.test("withSettings() says what is wrong with a setting", () => {
  const cases: [setting: string, ...parts: string[]][] = [
    [
      "optimizer.encoder_learningrate=1",
      'unknown key "optimizer.encoder_learningrate"',
      'did you mean "optimizer.encoder_learning_rate"?',
      "allowed: encoder_learning_rate, head_learning_rate",
    ],
    [
      "optimiser.weight_decay=1",
      'unknown key "optimiser"',
      'did you mean "optimizer"?',
      "allowed: seed, method",
    ],
    ["model.encoders.image.patch=2", 'did you mean "model.encoders.image.patch_size"?'],
    ["model.encoders.text.patch_size=2", 'unknown key "model.encoders.text.patch_size"', "hidden_size"],
    ["xyzzy=1", 'unknown key "xyzzy": allowed: seed'],
    ["seed=abc", '"seed" must be a number, got "abc"'],
    ["seed=1.5", '"seed" must be a whole number, got 1.5'],
    ["seed=-1", '"seed" must be at least 0, got -1'],
    ["seed=1e30", '"seed" must be'],
    ["seed=", '"seed" must be a number, got ""'],
    ["seed=null", '"seed" must be a number, got null'],
    ["training.epochs=true", '"training.epochs" must be a number, got true'],
    ["plateau.factor=1", '"plateau.factor" must be less than 1, got 1'],
    ["optimizer.epsilon=0", '"optimizer.epsilon" must be more than 0, got 0'],
    ["data.flip=2", '"data.flip" must be at most 1, got 2'],
    ["method=unis", '"method" must be one of unis-mmc, agg-mm, got "unis"', 'did you mean "unis-mmc"?'],
    ["data.name=emojis", '"data.name" must be "emoji", got "emojis"'],
    ["model.encoders.image.model_type=bart", "one of vit, bert, roberta, mlp", 'did you mean "bert"?'],
    ["model.encoders.audio={}", 'key "model.encoders.audio.model_type" is missing'],
    ["model.encoders.photo=3", '"model.encoders.photo" must be a group of keys, got 3'],
    ["optimizer=3", '"optimizer" must be a group of keys, got 3'],
    ["seed.x=2", '"seed" is a setting itself and has no "x"'],
    ["seed", "--set takes key=value", 'got "seed"'],
    ["=3", "--set takes key=value"],
    ["__proto__.x=1", '"__proto__.x" is no key'],
    ["optimizer..x=1", '"optimizer..x" is no key'],
    ["training.batch=100", '"training.batch" must be a multiple of "training.micro_batch", got 100 and 32'],
    ["model.encoders.text.hidden_size=63", "a multiple of", "got 63 and 4"],
    [
      "data.image_size=30",
      '"data.image_size" must be a multiple of "model.encoders.image.patch_size", got 30 and 8',
    ],
  ];
  for (const [setting, ...parts] of cases) {
    assert.throws(() => withSettings(PRESETS.emoji, [setting]), (error: Error) => {
      assert.equal(error.name, "UserError", setting);
      for (const part of parts) assert.ok(error.message.includes(part), `${setting}: ${error.message}`);
      return true;
    }, setting);
  }
});

Deno.test("parseConfig() names the file and the key that is missing", () => {
  const { optimizer: _, ...rest } = PRESETS.emoji;
  assert.throws(
    () => parseConfig(rest, "a/config.json"),
    /UserError.*a\/config\.json: key "optimizer" is missing/,
  );
  assert.throws(
    () => parseConfig([], "a/config.json"),
    /UserError.*a\/config\.json: must be a group of keys, got \[\]/,
  );
});

Deno.test("nearest() finds the name that was meant and none where nothing is near", () => {
  const names = ["weight_decay", "warmup_steps", "beta1", "epochs"];
  for (
    const [wrong, meant] of [
      ["weight-decay", "weight_decay"],
      ["wieght_decay", "weight_decay"],
      ["weightdecay", "weight_decay"],
      ["warmup", "warmup_steps"],
      ["EPOCHS", "epochs"],
      ["epoch", "epochs"],
      ["momentum", undefined],
      ["x", undefined],
    ] as const
  ) assert.equal(nearest(wrong, names), meant, wrong);
});
