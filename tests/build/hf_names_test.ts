import assert from "node:assert/strict";
import { matchNames, parameterName } from "../../src/build/hf_names.ts";
import { bert } from "../../src/models/encoders/bert.ts";
import { encoderType } from "../../src/models/encoders/registry.ts";

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
