/** Configurations and models name what they cannot be. */
import assert from "node:assert/strict";
import { UserError } from "../../src/base/user_error.ts";
import { bert } from "../../src/models/encoders/bert.ts";
import { mlp } from "../../src/models/encoders/mlp.ts";
import { roberta } from "../../src/models/encoders/roberta.ts";
import { fuses } from "../../src/models/methods/method.ts";
import { methods } from "../../src/models/methods/registry.ts";
import { MultimodalClassifier } from "../../src/models/multimodal_classifier.ts";
import { vit } from "../../src/models/encoders/vit.ts";
import { EVALUATION } from "../../src/nn/context.ts";
import { Parameters } from "../../src/nn/parameters.ts";
import { scope } from "../../src/tensor/scope.ts";
import { openTestGpu } from "../open_gpu.ts";
import { features, images } from "./tiny_specs.ts";

const gpu = await openTestGpu();
const throws = (run: () => unknown, message: RegExp) =>
  assert.throws(run, (error) => error instanceof UserError && message.test(error.message));

Deno.test("configurations take Hugging Face's fields and defaults, and no notice of others", () => {
  const config = bert.configure({ hidden_size: 384, architectures: ["BertModel"], pad_token_id: null });
  assert.equal(config.hidden_size, 384);
  assert.equal(config.pad_token_id, 0);
  assert.equal(config.layer_norm_eps, 1e-12);
  assert.ok(!("architectures" in config));
  const { vocab_size, pad_token_id, model_type } = roberta.configure();
  assert.deepEqual([vocab_size, pad_token_id, model_type], [50265, 1, "roberta"]);
  const { image_size, patch_size, qkv_bias } = vit.configure();
  assert.deepEqual([image_size, patch_size, qkv_bias], [224, 16, true]);
});

for (
  const [run, message] of [
    [
      () => bert.configure({ hidden_act: "tanh" }),
      /hidden_act = "tanh" for a BERT: .*gelu, gelu_new, .*relu/,
    ],
    [
      () => bert.configure({ hidden_size: 100 }),
      /hidden_size = 100 for a BERT: .* a multiple of num_attention_heads = 12/,
    ],
    [() => bert.configure({ num_hidden_layers: "2" }), /num_hidden_layers = "2" .* a number/],
    [() => bert.configure({ num_hidden_layers: 0 }), /num_hidden_layers = 0 .* at least 1/],
    [() => bert.configure({ vocab_size: 1.5 }), /vocab_size = 1.5/],
    [() => roberta.configure({ hidden_dropout_prob: 1 }), /hidden_dropout_prob = 1 for a RoBERTa/],
    [() => vit.configure({ layer_norm_eps: 0 }), /layer_norm_eps = 0/],
    [() => vit.configure({ patch_size: 15 }), /image_size = 224 for a ViT: .* a multiple of patch_size = 15/],
    [() => vit.configure({ num_channels: 1 }), /num_channels = 1 for a ViT: it must be 3/],
    [() => vit.configure({ qkv_bias: 1 }), /qkv_bias = 1 .* a boolean/],
    [() => mlp.configure({ input_size: 0 }), /input_size = 0/],
  ] as const
) {
  Deno.test(`a configuration is refused: ${message.source}`, () => throws(run, message));
}

const build = (sizes: Record<string, number>, method: string) =>
  new MultimodalClassifier(
    new Parameters().root,
    Object.fromEntries(
      Object.entries(sizes).map(([name, hidden_size]) => [
        name,
        (path) => mlp.build(path, mlp.configure({ input_size: 4, hidden_size }), { features: features(4) }),
      ]),
    ),
    { method, classifier: { classes: 2 } },
  );

Deno.test("unis-mmc refuses representations of two widths by name, agg-mm takes them", () => {
  throws(
    () => build({ a: 8, b: 8, c: 12 }, "unis-mmc"),
    /unis-mmc: a has hidden_size 8 and c has 12.*agg-mm/,
  );
  assert.equal(build({ a: 8, b: 12 }, "agg-mm").modalities.length, 2);
});

Deno.test("UniS-MMC refuses modalities it cannot name or fuse", () => {
  for (const { name: method } of methods().filter(fuses)) {
    throws(() => build({ a: 8 }, method), /Cannot fuse 1 modalities \(a\)/);
    throws(() => build({ a: 8, heads: 8 }, method), /name a modality "heads"/);
    throws(() => build({ a: 8, fusion: 8 }, method), /name a modality "fusion"/);
    throws(() => build({ "a.b": 8, c: 8 }, method), /name a modality "a\.b"/);
  }
});

Deno.test("models name a batch that does not fit", () => {
  const config = { hidden_size: 8, num_hidden_layers: 1, num_attention_heads: 2, intermediate_size: 8 };
  const encoder = vit.build(
    new Parameters().root,
    vit.configure({ ...config, image_size: 8, patch_size: 4 }),
    { image: images(8) },
  );
  scope(() => {
    const input = encoder.upload(gpu, {
      image: { kind: "image", pixels: new Uint8Array(2 * 16 * 16 * 3), height: 16, width: 16 },
    });
    assert.throws(() => encoder.represent(input, EVALUATION), /images of \[2, 16, 16, 3\]: they are 8 x 8/);
    const model = build({ a: 8, b: 8 }, "agg-mm");
    assert.throws(() => model.upload(gpu, {}), /without its "a"/);
  });
});
