/** Transformer layers: where dropout falls, and how many random keys a layer takes. */
import assert from "node:assert/strict";
import { type Context, EVALUATION } from "../../src/nn/context.ts";
import { Parameters } from "../../src/nn/parameters.ts";
import {
  BERT_STYLE,
  TransformerEncoder,
  type TransformerStyle,
  VIT_STYLE,
} from "../../src/nn/transformer.ts";
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

/** What one layer gives for x, in a context. */
async function runOne(style: TransformerStyle, x: Tensor, context: Context, prepare = (_: Parameters) => {}) {
  const parameters = new Parameters();
  const encoder = new TransformerEncoder(parameters.root, { ...config, num_hidden_layers: 1 }, style);
  parameters.allocate(gpu, 1);
  prepare(parameters);
  const y = scope(() => encoder.last(x, undefined, context));
  const values = await y.read() as Float32Array;
  y.dispose();
  parameters.dispose();
  return values;
}

const inputs = () => {
  const random = generator(3);
  return Tensor.from(gpu, Float32Array.from({ length: 48 }, () => 2 * random() - 1), SHAPE);
};

Deno.test("the factors of layer scale are of what attention and inner layers add, each its own", async () => {
  const x = inputs();
  const scaled = { ...VIT_STYLE, layerScale: { names: ["first", "second"], initial: 1 } } as const;
  const plain = await runOne(VIT_STYLE, x, EVALUATION);
  assert.deepEqual(await runOne(scaled, x, EVALUATION), plain);
  const withFactors = (first: number, second: number) =>
    runOne(scaled, x, EVALUATION, (parameters) => {
      fill(parameters.get("layer.0.first").value, first);
      fill(parameters.get("layer.0.second").value, second);
    });
  assert.deepEqual(await withFactors(0, 0), await x.read());
  // Factors of what a linear layer gives are factors of its weights.
  const byWeights = (name: string) =>
    runOne(VIT_STYLE, x, EVALUATION, (parameters) => fill(parameters.get(`layer.0.${name}`).value, 0));
  assert.deepEqual(await withFactors(0, 1), await byWeights("attention.output.dense.weight"));
  assert.deepEqual(await withFactors(1, 0), await byWeights("output.dense.weight"));
  x.dispose();
});

Deno.test("dropped paths leave a sample as it was, and are made up for by the others", async () => {
  const x = inputs();
  const before = await x.read() as Float32Array;
  const style = { ...VIT_STYLE, dropPath: () => 0.5 };
  const noDropout = { ...config, hidden_dropout_prob: 0, attention_probs_dropout_prob: 0 };
  const seen = new Set<string>();
  for (let seed = 0; seed < 12; seed++) {
    const parameters = new Parameters();
    const encoder = new TransformerEncoder(parameters.root, { ...noDropout, num_hidden_layers: 1 }, style);
    parameters.allocate(gpu, 1);
    fill(parameters.get("layer.0.output.dense.weight").value, 0); // attention alone
    const run = async (context: Context) => {
      const y = scope(() => encoder.last(x, undefined, context));
      return (await y.read() as Float32Array).map((value, i) => value - before[i]!);
    };
    const [added, dropped] = [await run(EVALUATION), await run({ keys: new RandomKeys(seed, 1) })];
    for (const sample of [0, 1]) {
      const of = (values: Float32Array) => values.subarray(24 * sample, 24 * (sample + 1));
      const isDropped = of(dropped).every((value) => value === 0);
      const factor = isDropped ? 0 : 2;
      assert.ok(of(dropped).every((value, i) => Math.abs(value - factor * of(added)[i]!) < 1e-6));
      seen.add(`${sample} ${isDropped}`);
    }
    parameters.dispose();
  }
  assert.equal(seen.size, 4, "both samples are dropped and kept");
  x.dispose();
});
