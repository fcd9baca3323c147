/** Transformer layers: where dropout falls, and how many random keys a layer takes. */
import assert from "node:assert/strict";
import { EVALUATION } from "../../src/nn/context.ts";
import { Parameters } from "../../src/nn/parameters.ts";
import { BERT_STYLE, TransformerEncoder, VIT_STYLE } from "../../src/nn/transformer.ts";
import { fill } from "../../src/ops/fill.ts";
import { RandomKeys } from "../../src/tensor/random.ts";
import { scope } from "../../src/tensor/scope.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { openTestGpu } from "../open_gpu.ts";
import { generator } from "../ops/table.ts";

const gpu = await openTestGpu();
const SHAPE = [2, 3, 8];
const config = {
  hidden_size: 8,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  intermediate_size: 16,
  hidden_act: "gelu",
  hidden_dropout_prob: 0.5,
  attention_probs_dropout_prob: 0.5,
  layer_norm_eps: 1e-6,
  initializer_range: 0.02,
  dense_initializer: "xavier_normal",
} as const;

for (const [name, style] of [["ViT", VIT_STYLE], ["BERT", BERT_STYLE]] as const) {
  Deno.test(`dropout falls on what a layer of ${name} adds, never on what it adds to`, async () => {
    const parameters = new Parameters();
    const encoder = new TransformerEncoder(parameters.root, config, style);
    parameters.allocate(gpu, 1);
    const random = generator(3);
    const x = Tensor.from(gpu, Float32Array.from({ length: 48 }, () => 2 * random() - 1), SHAPE);
    const run = async (keys: RandomKeys | undefined) => {
      const y = scope(() => encoder.hiddenStates(x, undefined, keys ? { keys } : EVALUATION).at(-1)!);
      return await y.read();
    };
    assert.notDeepEqual(
      await run(new RandomKeys(1, 1)),
      await run(undefined),
      "dropout changes what a layer gives",
    );
    // Nothing is added any more, so that there is nothing to drop.
    for (const { name, value } of parameters) if (/output\.dense/.test(name)) fill(value, 0);
    const still = await run(undefined);
    if (style.preNorm) assert.deepEqual(still, await x.read());
    for (const seed of [1, 2, 3]) assert.deepEqual(await run(new RandomKeys(seed, 1)), still);
    x.dispose();
    parameters.dispose();
  });

  Deno.test(`a layer of ${name} takes a key for its attention and one for each of its two sums`, () => {
    const parameters = new Parameters();
    const encoder = new TransformerEncoder(parameters.root, config, style);
    parameters.allocate(gpu, 1);
    const x = Tensor.from(gpu, new Float32Array(48).fill(0.5), SHAPE);
    for (const only of [true, false]) {
      const keys = new RandomKeys(1, 1);
      scope(() =>
        void (only ? encoder.first(x, undefined, { keys }) : encoder.hiddenStates(x, undefined, { keys }))
      );
      assert.equal(keys.next().layer, 3 * config.num_hidden_layers);
    }
    x.dispose();
    parameters.dispose();
  });
}
