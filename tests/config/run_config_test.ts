import assert from "node:assert/strict";
import { encoderTypes } from "../../src/models/encoders/registry.ts";
import { methods } from "../../src/models/methods/registry.ts";
import { parseConfig, withSettings } from "../../src/config/run_config.ts";
import { nearest } from "../../src/base/nearest.ts";
import { PRESETS } from "../../src/config/presets.ts";

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
    "data.mixup=.2",
    "data.image_mean=[.5, .25, 1]",
  ]);
  const expected = structuredClone(emoji);
  expected.seed = 42;
  expected.optimizer.encoder_learning_rate = 0.001;
  expected.data.labels = "subgroup";
  expected.optimizer.learning_rates = { text: 0.5 };
  expected.model.encoders.image!.hidden_size = 32;
  expected.data.mixup = 0.2;
  Object.assign(expected.data, { image_mean: [0.5, 0.25, 1] });
  assert.deepEqual(changed, expected);
  assert.deepEqual(emoji, before, "the preset itself has changed");
});

Deno.test("an encoder of another kind keeps the fields that both kinds have", () => {
  const { emoji } = PRESETS;
  const before = structuredClone(emoji);
  for (const { model_type, inputs, fields } of encoderTypes()) {
    const name = Object.keys(inputs).join();
    const old = emoji.model.encoders[name];
    if (old === undefined) continue; // it reads what the preset has not
    const { image, text } =
      withSettings(emoji, [`model.encoders.${name}.model_type=${model_type}`]).model.encoders;
    const own = { image, text }[name] as Record<string, unknown>;
    assert.equal(own.model_type, model_type);
    for (const [key, value] of Object.entries(old)) {
      const takesIt = key in fields && (fields[key]!.options?.includes(value as string) ?? true);
      if (takesIt) assert.deepEqual(own[key], value, `${model_type}.${key}`);
      else if (!["model_type", "frozen"].includes(key)) {
        assert.equal(
          own[key],
          fields[key]?.setting === "required" ? fields[key].default : undefined,
          `${model_type}.${key}`,
        );
      }
    }
    for (const [key, field] of Object.entries(fields)) {
      if (field.setting === "required" && !(key in old)) assert.deepEqual(own[key], field.default);
    }
  }
  assert.deepEqual(emoji, before, "the preset itself has changed");

  const pretrained = structuredClone(emoji);
  pretrained.model.encoders.image!.pretrained = { source: "some/vit", commit: null };
  const kind = "model.encoders.image.model_type=dinov2";
  const { image } = withSettings(pretrained, [kind, "model.encoders.image.mlp_ratio=2"]).model.encoders;
  assert.equal(image!.pretrained, undefined, "weights of another kind");
  assert.equal(image!.mlp_ratio, 2);
  // What is said for the new kind is not let go, though it be wrong.
  assert.throws(
    () => withSettings(emoji, [kind, "model.encoders.image.intermediate_size=8"]),
    /unknown key "model\.encoders\.image\.intermediate_size"/,
  );
});

Deno.test("withSettings() says what is wrong with a setting", () => {
  const cases: [setting: string, ...parts: string[]][] = [
    [
      "optimizer.encoder_learningrate=1",
      'unknown key "optimizer.encoder_learningrate"',
      'did you mean "optimizer.encoder_learning_rate"?',
      "allowed: name, encoder_learning_rate, head_learning_rate",
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
    [
      "data.random_resized_crop.scale=[0.5,0.2]",
      '"data.random_resized_crop.scale" must be two numbers above 0 and at most 1, the smaller first, got [0.5,0.2]',
    ],
    ["data.random_resized_crop.ratio=1", '"data.random_resized_crop.ratio" must be a list of numbers, got 1'],
    ["data.rand_augment.magnitude=31", '"data.rand_augment.magnitude" must be at most 30, got 31'],
    ["data.rand_augment.magnitud=3", 'did you mean "data.rand_augment.magnitude"?'],
    [
      "method=unis",
      `"method" must be one of ${methods().map(({ name }) => name).join(", ")}, image, text, got "unis"`,
      'did you mean "unis-mmc"?',
    ],
    ["method=texts", 'did you mean "text"?'],
    ["method=constructor", '"method" must be one of'],
    ["method=3", '"method" must be text, got 3'],
    ["semantics=authors", '"semantics" must be a group of keys, got "authors"'],
    [
      "semantics.unshufled=true",
      'unknown key "semantics.unshufled"',
      'did you mean "semantics.unshuffled"?',
      "allowed: first_row_only, ",
    ],
    ["semantics.unshuffled=1", '"semantics.unshuffled" must be true or false, got 1'],
    [
      "model.symmetric=true",
      '"model.symmetric" must be false where "method" is unis-mmc',
      "unsup-mmc and sup-mmc",
    ],
    [
      "data.name=emojis",
      '"data.name" must be one of emoji, food101, n24news, features, table, got "emojis"; did you mean "emoji"?',
    ],
    ["data.root=x", 'unknown key "data.root": allowed: name, labels, image_size'],
    [
      "model.encoders.image.model_type=bart",
      `one of ${encoderTypes().map(({ model_type }) => model_type).join(", ")}`,
      'did you mean "bert"?',
    ],
    ["model.encoders.audio={}", 'key "model.encoders.audio.model_type" is missing'],
    ["model.encoders.photo=3", '"model.encoders.photo" must be a group of keys, got 3'],
    ["optimizer=3", '"optimizer" must be a group of keys, got 3'],
    ["seed.x=2", '"seed" is a setting itself and has no "x"'],
    ["seed", "--set takes key=value", 'got "seed"'],
    ["=3", "--set takes key=value"],
    ["__proto__.x=1", '"__proto__.x" is no key'],
    ["optimizer..x=1", '"optimizer..x" is no key'],
    ["model.encoders.text.frozen=0", '"model.encoders.text.frozen" must be at least 1, got 0'],
    ["model.encoders.text.frozen=all", 'must be true, false or a number of layers, got "all"'],
    [
      "model.encoders.text.frozen=2",
      '"model.encoders.text.frozen" must be at most',
      "got 2 and 1; true freezes",
    ],
    [
      'model.encoders.text={"model_type":"distilbert","dim":8,"n_layers":2,"n_heads":2,"hidden_dim":8,' +
      '"activation":"silu","dropout":0,"attention_dropout":0,"initializer_range":0.1,' +
      '"dense_initializer":"normal","frozen":3}',
      '"model.encoders.text.frozen" must be at most "model.encoders.text.n_layers", got 3 and 2',
    ],
    ["model.encoders.text.froze=1", 'did you mean "model.encoders.text.frozen"?'],
    ["model.checkpointing=1", '"model.checkpointing" must be true or false, got 1'],
    ["optimizer.schedule=cosin", "one of plateau, linear, cosine, constant", 'did you mean "cosine"?'],
    ["optimizer.name=adamx", "one of adam, adamw, rmsprop", 'did you mean "adam"?'],
    ["optimizer.name=rms", 'did you mean "rmsprop"?'],
    [
      "optimizer.momentum=0.9",
      '"optimizer.momentum" must be 0 where "optimizer.name" is adam: it is for rmsprop',
    ],
    ["optimizer.momentum=1", '"optimizer.momentum" must be less than 1, got 1'],
    [
      "optimizer.warmup_share=0.1",
      '"optimizer.warmup_steps" must be 0 where "optimizer.warmup_share" is 0.1, got 20',
    ],
    ["optimizer.decay_vectors=some", "must be true, false or a list of parts", 'got "some"'],
    ["optimizer.head_learning_rates.text=0", '"optimizer.head_learning_rates.text" must be more than 0'],
    ["model.head.dropouts.image=1", '"model.head.dropouts.image" must be less than 1, got 1'],
    ["model.head.dropout.image=.1", '"model.head.dropout" is a setting itself and has no "image"'],
    ["plateau.with_schedule=1", '"plateau.with_schedule" must be true or false, got 1'],
    ["model.encoders.text.frozen_epochs=0", '"model.encoders.text.frozen_epochs" must be at least 1, got 0'],
    ["model.encoders.text.frozen_epochs=all", "a number of epochs, at least 1, or such numbers", 'got "all"'],
    ["optimizer.max_gradient_norm=0", '"optimizer.max_gradient_norm" must be more than 0, got 0'],
    ["optimizer.max_gradient_norm=big", '"optimizer.max_gradient_norm" must be a number, got "big"'],
    ["optimizer.weight_decays.text=-1", '"optimizer.weight_decays.text" must be at least 0, got -1'],
    ["optimizer.weight_decays=1", '"optimizer.weight_decays" must be a group of keys, got 1'],
    [
      "training.micro_batch=all",
      '"training.micro_batch" must be a whole number, at least 1, or "auto", got "all"',
    ],
    ["training.validation_every=0", '"training.validation_every" must be at least 1, got 0'],
    ["training.validation_every=epoch", '"training.validation_every" must be a number, got "epoch"'],
    ["training.validation_after=-1", '"training.validation_after" must be at least 0, got -1'],
    ["training.checkpoint_every=0", '"training.checkpoint_every" must be at least 1, got 0'],
    ["training.processes=0", '"training.processes" must be at least 1, got 0'],
    ["training.validate_every=50", 'did you mean "training.validation_every"?'],
    ["training.micro_batch=0", "at least 1"],
    ["training.memory_limit=4GiB", '"training.memory_limit" must be a number, got "4GiB"'],
    ["training.batch=100", '"training.batch" must be a multiple of "training.micro_batch", got 100 and 128'],
    ["model.encoders.text.hidden_size=63", "a multiple of", "got 63 and 4"],
    ["data.missing=mean", '"data.missing" must be one of refuse, learned, zeros, got "mean"'],
    ["data.withhold.test=0.5", '"data.missing" must be learned or zeros with "data.withhold"'],
    [
      "training.modality_dropout=0.1",
      '"data.missing" must be learned or zeros with "training.modality_dropout"',
    ],
    ["training.modality_dropout=2", '"training.modality_dropout" must be at most 1, got 2'],
    [
      "data.missing=zeros method=mmbt",
      '"data.missing" must be refuse where "method" is mmbt: those that learn from samples without a modality are unis-mmc,',
    ],
    [
      "data.image_size=30",
      '"data.image_size" must be a multiple of "model.encoders.image.patch_size", got 30 and 8',
    ],
  ];
  for (const [setting, ...parts] of cases) {
    const settings = setting.includes(" ") ? setting.split(" ") : [setting];
    assert.throws(() => withSettings(PRESETS.emoji, settings), (error: Error) => {
      assert.equal(error.name, "UserError", setting);
      for (const part of parts) assert.ok(error.message.includes(part), `${setting}: ${error.message}`);
      return true;
    }, setting);
  }
});

Deno.test("configurations written before fine-tuning had controls are those without", () => {
  const old = structuredClone(PRESETS.emoji) as unknown as Record<string, Record<string, unknown>>;
  for (
    const [group, key] of [
      ["model", "checkpointing"],
      ["optimizer", "weight_decays"],
      ["optimizer", "name"],
      ["optimizer", "schedule"],
      ["optimizer", "max_gradient_norm"],
      ["optimizer", "max_parameter_gradient_norm"],
      ["optimizer", "head_learning_rates"],
      ["optimizer", "decay_vectors"],
      ["optimizer", "bias_correction"],
      ["optimizer", "alpha"],
      ["optimizer", "momentum"],
      ["optimizer", "warmup_share"],
      ["plateau", "with_schedule"],
      ["training", "memory_limit"],
      ["training", "keep"],
      ["training", "processes"],
      ["training", "validation_every"],
      ["training", "validation_after"],
      ["training", "checkpoint_every"],
      ["training", "f16_products"],
      ["model", "semi_positive"],
      ["model", "negative"],
      ["model", "symmetric"],
    ] as const
  ) delete old[group]![key];
  delete old.semantics;
  delete (old.model!.head as Record<string, unknown>).dropouts;
  for (const encoder of Object.values(old.model!.encoders as object)) delete encoder.frozen;
  assert.deepEqual(parseConfig(old, "config.json"), PRESETS.emoji);
});

Deno.test("settings of fine-tuning are read", () => {
  const { model, optimizer, training } = withSettings(PRESETS.emoji, [
    "model.encoders.image.frozen=2",
    "model.encoders.text.frozen=true",
    "training.micro_batch=auto",
    "optimizer.max_gradient_norm=1",
    "optimizer.max_gradient_norm=null",
    "optimizer.weight_decays.heads=0",
  ]);
  assert.equal(model.encoders.image!.frozen, 2);
  assert.equal(model.encoders.text!.frozen, true);
  assert.equal(training.micro_batch, "auto");
  assert.equal(optimizer.max_gradient_norm, null);
  assert.deepEqual(optimizer.weight_decays, { heads: 0 });
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
