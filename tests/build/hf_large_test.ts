/** Word embeddings beyond the adapter's binding limit, from checkpoint to trained model. */
import assert from "node:assert/strict";
import { Gpu } from "../../src/gpu/gpu.ts";
import { loadEncoderWeights } from "../../src/build/hf_weights.ts";
import { openWeights } from "../../src/io/weights_file.ts";
import { writeSafetensors } from "../../src/io/safetensors.ts";
import { bert } from "../../src/models/encoders/bert.ts";
import { EVALUATION } from "../../src/nn/context.ts";
import { normal } from "../../src/nn/initializers.ts";
import { Parameters } from "../../src/nn/parameters.ts";
import { backward } from "../../src/ops/backward.ts";
import { accumulate, mul } from "../../src/ops/arithmetic.ts";
import { copy, full } from "../../src/ops/fill.ts";
import { sum } from "../../src/ops/reduce.ts";
import { Adam } from "../../src/optim/adam.ts";
import { scope } from "../../src/tensor/scope.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { openTestGpu } from "../open_gpu.ts";
import { texts } from "../models/tiny_specs.ts";
import { temporaryFolder } from "../io/crafted.ts";

const gpu = await openTestGpu();
const LIMIT = 2 ** 16;
const withSmallLimit = async <T>(body: (small: Gpu) => Promise<T>): Promise<T> => {
  const small = await Gpu.open("auto", { limits: { maxStorageBufferBindingSize: LIMIT } });
  try {
    return await body(small);
  } finally {
    small.destroy();
  }
};

const config = bert.configure({
  vocab_size: 1500, // of 32 values each: three bindings
  hidden_size: 32,
  num_hidden_layers: 1,
  num_attention_heads: 2,
  intermediate_size: 64,
  max_position_embeddings: 16,
});
const [BATCH, TOKENS, STEPS] = [8, 16, 4];
const TEXTS = texts(1500, TOKENS);

/** Ids from all bindings, each batch others, some twice. */
function idsOf(step: number): Uint32Array<ArrayBuffer> {
  return Uint32Array.from({ length: BATCH * TOKENS }, (_, i) => (i * 277 + step * 91) % 1500);
}

/** Loads a model, trains it by Adam with two micro-batches a step, and gives all that came out. */
async function trainBert(gpu: Gpu, folder: string) {
  const parameters = new Parameters();
  const encoder = bert.build(parameters.root, config, { text: TEXTS });
  parameters.allocate(gpu, 1, () => true);
  using checkpoint = openWeights(folder);
  await loadEncoderWeights(parameters, "", checkpoint, bert);
  const loaded = await parameters.read();
  const optimizer = new Adam(parameters, {
    groups: { all: { learningRate: 1e-2, weightDecay: 1e-2 } },
    groupOf: () => "all",
  });
  const losses: number[] = [];
  for (let step = 0; step < 2 * STEPS; step++) {
    const { loss } = scope(() => {
      const ids = idsOf(step);
      const text = { kind: "text", ids, mask: new Uint32Array(ids.length).fill(1), tokens: TOKENS } as const;
      const r = encoder.represent(encoder.upload(gpu, { text }), EVALUATION);
      const target = Tensor.from(gpu, Float32Array.from({ length: r.size }, (_, i) => Math.sin(i)), r.shape);
      const loss = sum(mul(r, target));
      backward(loss);
      return { loss };
    });
    losses.push((await loss.read())[0]!);
    loss.dispose();
    if (step % 2 === 0) continue;
    optimizer.step();
    if (step < 2 * STEPS - 1) parameters.zeroGrad();
  }
  const state = await optimizer.read();
  const words = await parameters.get("embeddings.word_embeddings.weight").grad.read();
  const values = await parameters.read();
  optimizer.write(state);
  assert.deepEqual(await optimizer.read(), state);
  optimizer.dispose();
  parameters.dispose();
  return { loaded, losses, values, words, state };
}

Deno.test("a BERT with an embedding beyond the binding limit trains bit for bit as one without that limit", async () => {
  using folder = temporaryFolder();
  const parameters = new Parameters();
  bert.build(parameters.root, config, { text: TEXTS });
  const drawn = Object.fromEntries(
    [...parameters].map(({ name, shape }) => {
      const data = new Float32Array(shape.reduce((a, b) => a * b, 1));
      normal(0.2)(data, shape, name);
      return [name, { dtype: "F32" as const, shape, data }];
    }),
  );
  assert.ok(drawn["embeddings.word_embeddings.weight"]!.data.byteLength > 2 * LIMIT);
  writeSafetensors(`${folder.path}/model.safetensors`, drawn);
  const whole = await trainBert(gpu, folder.path);
  const inWindows = await withSmallLimit((small) => trainBert(small, folder.path));
  for (const [name, values] of whole.loaded) assert.deepEqual(values, drawn[name]!.data, name);
  assert.ok(whole.losses.every(Number.isFinite));
  assert.ok(whole.losses.at(-1)! < whole.losses[0]!, `${whole.losses}`);
  assert.ok(whole.words.some((g) => g !== 0));
  assert.deepEqual(inWindows, whole);
});

Deno.test("fill(), copy() and accumulate() reach every element beyond the binding limit", async () => {
  await withSmallLimit(async (small) => {
    const size = 3 * LIMIT / 4 + 7;
    const a = full(small, [size], 2);
    const b = Tensor.from(small, Float32Array.from({ length: size }, (_, i) => i), [size]);
    const c = copy(b);
    accumulate(c, a);
    const values = await c.read();
    assert.ok(values.every((value, i) => value === i + 2));
    assert.ok((await a.read()).every((value) => value === 2));
    for (const tensor of [a, b, c]) tensor.dispose();
    assert.equal(small.memory.live, 0);
  });
});
