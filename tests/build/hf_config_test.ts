import assert from "node:assert/strict";
import { readEncoderConfig } from "../../src/build/hf_config.ts";
import { UserError } from "../../src/base/user_error.ts";
import { temporaryFolder } from "../io/crafted.ts";
import { checkpointFolder, ENCODERS } from "./hf_fixtures.ts";

function read(text: string, changes = {}) {
  using folder = temporaryFolder();
  Deno.writeTextFileSync(`${folder.path}/config.json`, text);
  return readEncoderConfig(folder.path, changes);
}

Deno.test("readEncoderConfig() takes the architecture and its sizes from config.json", () => {
  const [vit, bert, roberta] = ENCODERS.map((name) => readEncoderConfig(checkpointFolder(name)));
  assert.ok(vit!.model_type === "vit" && !vit!.qkv_bias && vit!.hidden_act === "relu");
  assert.ok(bert!.model_type === "bert" && bert!.type_vocab_size === 2 && bert!.hidden_size === 32);
  assert.ok(
    roberta!.model_type === "roberta" && roberta!.pad_token_id === 1 && roberta!.layer_norm_eps === 1e-5,
  );
});

Deno.test("readEncoderConfig() has the defaults of each architecture, and takes changes", () => {
  const roberta = read(`{"model_type": "roberta", "position_embedding_type": null, "pruned_heads": {}}`);
  assert.ok(roberta.model_type === "roberta" && roberta.vocab_size === 50265);
  const vit = read(`{"model_type": "vit", "image_size": 384}`, { image_size: 64, hidden_dropout_prob: 0.1 });
  assert.ok(vit.model_type === "vit" && vit.image_size === 64 && vit.hidden_dropout_prob === 0.1);
});

for (
  const [text, message] of [
    [
      `{"model_type": "gpt2"}`,
      /model_type is "gpt2", and encoders are of (?!.*\bmlp\b)vit, (.*, )?bert, roberta\b/,
    ],
    [`{"model_type": "mlp"}`, /model_type is "mlp"/],
    [`{"model_type": "toString"}`, /model_type is "toString"/],
    [`{"hidden_size": 8}`, /model_type is undefined/],
    [
      `{"model_type": "bert", "position_embedding_type": "relative_key"}`,
      /position_embedding_type is "relative_key"/,
    ],
    [`{"model_type": "bert", "is_decoder": true}`, /is_decoder is true, which is not supported, only false/],
    [`{"model_type": "roberta", "add_cross_attention": true}`, /add_cross_attention is true/],
    [
      `{"model_type": "bert", "pruned_heads": {"0": [1]}}`,
      /pruned_heads is {"0":\[1\]}, which is not supported$/,
    ],
    [
      `{"model_type": "modernbert", "rope_parameters": {"full_attention": {}}}`,
      /rope_parameters is .* not supported/,
    ],
    [
      `{"model_type": "deberta-v2", "relative_attention": false}`,
      /relative_attention = false .* must be true/,
    ],
    [`{"model_type": "vit", "quantization_config": {"bits": 4}}`, /quantization_config is/],
    [`{"model_type": "bert", "hidden_act": "tanh"}`, /hidden_act = "tanh" for a BERT/],
    [`{"model_type": "vit", "image_size": [224, 224]}`, /image_size = \[224,224\] for a ViT/],
    [
      `{"model_type": "bert", "hidden_size": 10}`,
      /hidden_size = 10 for a BERT: it must be a multiple of num_attention_heads = 12/,
    ],
    [`[]`, /it is not a JSON object/],
    [`{"model_type": "bert", "model_type": "vit"}`, /duplicate/],
    [`{`, /not valid JSON/],
  ] as const
) {
  Deno.test(`readEncoderConfig() refuses ${text}, naming the file`, () => {
    assert.throws(
      () => read(text),
      (e) => e instanceof UserError && /config\.json: /.test(e.message) && message.test(e.message),
    );
  });
}

Deno.test("readEncoderConfig() names a file that is not there", () => {
  using folder = temporaryFolder();
  assert.throws(
    () => readEncoderConfig(folder.path),
    (e) => e instanceof UserError && e.message.includes(`${folder.path}/config.json`),
  );
});
