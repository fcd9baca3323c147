import assert from "node:assert/strict";
import { checkpointName, matchNames, parameterName } from "../../src/build/hf_names.ts";
import { bert } from "../../src/models/encoders/bert.ts";
import type { CheckpointFormat } from "../../src/models/encoders/encoder.ts";
import { encoderType, encoderTypes } from "../../src/models/encoders/registry.ts";
import { Parameters } from "../../src/nn/parameters.ts";
import { features, images, texts } from "../models/tiny_specs.ts";

for (
  const [type, key, name] of [
    ["bert", "embeddings.word_embeddings.weight", "embeddings.word_embeddings.weight"],
    ["bert", "bert.embeddings.word_embeddings.weight", "embeddings.word_embeddings.weight"],
    ["bert", "bert.embeddings.LayerNorm.gamma", "embeddings.LayerNorm.weight"],
    ["bert", "bert.encoder.layer.3.output.LayerNorm.beta", "encoder.layer.3.output.LayerNorm.bias"],
    ["bert", "bert.embeddings.position_ids", undefined],
    ["bert", "embeddings.position_ids", undefined],
    ["bert", "bert.pooler.dense.weight", undefined],
    ["bert", "pooler.dense.bias", undefined],
    ["bert", "cls.predictions.transform.LayerNorm.gamma", undefined],
    ["bert", "cls.seq_relationship.weight", undefined],
    ["bert", "qa_outputs.weight", undefined],
    ["bert", "roberta.embeddings.LayerNorm.bias", "roberta.embeddings.LayerNorm.bias"],
    ["roberta", "roberta.embeddings.LayerNorm.bias", "embeddings.LayerNorm.bias"],
    ["roberta", "lm_head.decoder.weight", undefined],
    ["roberta", "classifier.out_proj.weight", undefined],
    ["vit", "vit.layernorm.weight", "layernorm.weight"],
    ["vit", "classifier.weight", undefined],
    ["vit", "vit.embeddings.mask_token", undefined],
    ["vit", "vit.encoder.layer.0.layernorm_before.weight", "encoder.layer.0.layernorm_before.weight"],
  ] as const
) {
  Deno.test(`parameterName() of a ${type} makes of ${key} ${name ?? "nothing"}`, () => {
    assert.equal(parameterName(encoderType(type).checkpoint!, key), name);
  });
}

Deno.test("matchNames() lists what is missing, unexpected or there twice", () => {
  const names = ["embeddings.LayerNorm.weight", "embeddings.LayerNorm.bias"];
  const keys = [
    "bert.embeddings.LayerNorm.gamma",
    "embeddings.LayerNorm.weight",
    "bert.extra.weight",
    "cls.bias",
  ];
  assert.deepEqual(matchNames(bert.checkpoint!, names, keys), {
    keys: new Map([["embeddings.LayerNorm.weight", "bert.embeddings.LayerNorm.gamma"]]),
    missing: ["embeddings.LayerNorm.bias"],
    unexpected: ["embeddings.LayerNorm.weight", "bert.extra.weight"],
  });
});

const RENAMED: CheckpointFormat = {
  prefix: "model.",
  ignored: /^head\./,
  renames: [
    ["tower.blocks.*.norm", "encoder.layer.*.norm"],
    ["tower.blocks.*.experts.*", "encoder.layer.*.part.*.dense"],
    ["layer*.*.conv", "stages.*.layers.*.convolution"],
    ["stem", "embeddings.projection"],
    ["patch_embed.proj", "embeddings.projection"],
    ["tower", "encoder"],
  ],
};

for (
  const [key, name, back = key] of [
    ["tower.blocks.11.norm.weight", "encoder.layer.11.norm.weight"],
    ["tower.blocks.2.experts.30.bias", "encoder.layer.2.part.30.dense.bias"],
    ["layer4.0.conv.weight", "stages.4.layers.0.convolution.weight"],
    ["stem.weight", "embeddings.projection.weight"],
    ["patch_embed.proj.weight", "embeddings.projection.weight", "stem.weight"], // an older name of the same
    ["stem", "embeddings.projection"], // a whole name
    ["stemming.weight", "stemming.weight"], // not a whole word
    ["tower.blocks.x.norm.weight", "encoder.blocks.x.norm.weight"], // not a number; a later pair fits
    ["tower.blocks.2.normal.weight", "encoder.blocks.2.normal.weight"],
    ["a.stem.weight", "a.stem.weight"], // not at the start
  ]
) {
  Deno.test(`renames make of ${key} ${name} and of that ${back}`, () => {
    assert.equal(parameterName(RENAMED, key!), name);
    assert.equal(parameterName(RENAMED, `model.${key}`), name);
    assert.equal(checkpointName(RENAMED, name!), back);
  });
}

Deno.test("a parameter that a checkpoint lacks is named as it would be there", () => {
  const { missing } = matchNames(RENAMED, ["encoder.layer.3.norm.bias"], ["head.weight"]);
  assert.deepEqual(missing, ["tower.blocks.3.norm.bias"]);
});

for (const type of encoderTypes().filter(({ checkpoint }) => checkpoint !== undefined)) {
  const { title, inputs, checkpoint } = type;
  Deno.test(`every parameter of ${title} has a name in checkpoints that leads back to it`, () => {
    const known = { image: images(224), text: texts(20, 8), features: features(3) };
    const specs = Object.fromEntries(Object.entries(inputs).map(([input, kind]) => [input, known[kind]]));
    const parameters = new Parameters();
    type.build(parameters.root, type.configure({ num_hidden_layers: 2, ...type.fromData(specs) }), specs);
    const names = Array.from(parameters, ({ name }) => name);
    const stored = names.map((name) => checkpointName(checkpoint!, name));
    assert.equal(new Set(stored).size, names.length);
    for (const prefix of ["", checkpoint!.prefix]) {
      const { keys, missing, unexpected } = matchNames(checkpoint!, names, stored.map((key) => prefix + key));
      assert.deepEqual([names.map((name) => keys.get(name)), missing, unexpected], [
        stored.map((key) => prefix + key),
        [],
        [],
      ]);
    }
    for (const [theirs, ours] of checkpoint!.renames ?? []) {
      assert.equal(theirs.split("*").length, ours.split("*").length, `numbers of ${theirs} and ${ours}`);
    }
  });
}
