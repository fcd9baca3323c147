// What layers attend to: the probabilities that attention goes by, and the rollout over the layers of every encoder.
import assert from "node:assert/strict";
import { Random } from "../../src/base/random.ts";
import type { PoolingName } from "../../src/models/encoders/encoder.ts";
import { type HostInputs, inputOf } from "../../src/models/encoders/inputs.ts";
import { encoderTypes } from "../../src/models/encoders/registry.ts";
import { attentionProbabilities, AttentionRollout } from "../../src/nn/attention_rollout.ts";
import { EVALUATION } from "../../src/nn/context.ts";
import { Parameters } from "../../src/nn/parameters.ts";
import { attention, type AttentionOptions } from "../../src/ops/attention.ts";
import { cast } from "../../src/ops/cast.ts";
import { matmul } from "../../src/ops/matmul.ts";
import { permute, reshape, slice } from "../../src/ops/shape.ts";
import { capture } from "../../src/tensor/scope.ts";
import { noGrad } from "../../src/tensor/tape.ts";
import { readTensors, Tensor } from "../../src/tensor/tensor.ts";
import { openTestGpu } from "../open_gpu.ts";
import { drawInput, SMALL, specsOf } from "../models/small_encoders.ts";

const gpu = await openTestGpu();
const [BATCH, HEADS, KEYS, DIM] = [2, 3, 7, 4];
const WIDTH = HEADS * DIM;

/** Numbers that look random, all different. */
const waves = (shape: readonly number[], factor = 1) =>
  Tensor.from(
    gpu,
    Float32Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) =>
      2 * Math.sin(factor * (i + 1) ** 1.3)),
    shape,
  );
const maskOf = (...rows: number[][]) => Tensor.from(gpu, Uint32Array.from(rows.flat()), [rows.length, KEYS]);
const near = (actual: ArrayLike<number>, expected: ArrayLike<number>, bound: number, what: string) => {
  assert.equal(actual.length, expected.length, what);
  for (let i = 0; i < actual.length; i++) {
    assert.ok(Math.abs(actual[i]! - expected[i]!) < bound, `${what}, ${i}: ${actual[i]}, not ${expected[i]}`);
  }
};

Deno.test("attention is what its probabilities make of the values, whatever is masked, added or out of sight", async () => {
  const mask = () => maskOf([1, 1, 1, 1, 1, 0, 0], [1, 0, 1, 1, 0, 1, 1]);
  const cases: Record<string, { queries?: number; options?: () => Partial<AttentionOptions> }> = {
    plain: {},
    scaled: { options: () => ({ scale: 0.2 }) },
    masked: { options: () => ({ mask: mask() }) },
    "with a key alone": { options: () => ({ mask: maskOf([0, 0, 0, 1, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0]) }) },
    causal: { options: () => ({ causal: true }) },
    windowed: { options: () => ({ window: 2 }) },
    "causal, windowed and masked": { options: () => ({ causal: true, window: 3, mask: mask() }) },
    "of the first token": { queries: 1, options: () => ({ mask: mask() }) },
    "of the first token, windowed": { queries: 1, options: () => ({ window: 2 }) },
    biased: { options: () => ({ bias: waves([HEADS, KEYS, KEYS], 0.7) }) },
    "biased by sample and masked": {
      options: () => ({ bias: waves([BATCH, HEADS, KEYS, KEYS], 0.7), mask: mask() }),
    },
  };
  for (const precision of ["f32", "f16"] as const) {
    if (precision === "f16" && !gpu.features.has("shader-f16")) continue;
    for (const [name, { queries = KEYS, options = () => ({}) }] of Object.entries(cases)) {
      const [attended, made, sums] = await results(() => {
        const q = cast(waves([BATCH, queries, WIDTH]), precision);
        const kv = cast(waves([BATCH, KEYS, 2 * WIDTH], 0.9), precision);
        const all = { heads: HEADS, ...options() };
        const probabilities = attentionProbabilities(q, kv, all);
        assert.deepEqual(probabilities.shape, [BATCH, HEADS, queries, KEYS]);
        const values = permute(
          reshape(cast(slice(kv, 2, WIDTH), "f32"), [BATCH, KEYS, HEADS, DIM]),
          [0, 2, 1, 3],
        );
        const product = matmul(reshape(probabilities, [-1, queries, KEYS]), reshape(values, [-1, KEYS, DIM]));
        const byToken = permute(reshape(product, [BATCH, HEADS, queries, DIM]), [0, 2, 1, 3]);
        return [cast(attention(q, kv, all), "f32"), byToken, probabilities];
      });
      near(made!, attended!, precision === "f32" ? 1e-5 : 5e-3, `${name}, ${precision}`);
      if (name === "plain") assert.ok(Math.abs(sums!.reduce((a, b) => a + b) - BATCH * HEADS * KEYS) < 1e-3);
    }
  }
});

/** Reads what `body` makes, and frees all of it. */
async function results(body: () => Tensor[]): Promise<Float32Array[]> {
  const tensors = capture(() => noGrad(body));
  const arrays = await readTensors(tensors) as Float32Array[];
  for (const tensor of tensors) tensor.dispose();
  return arrays;
}

/** p Ā_L … Ā_1 in float64, of one sample; layers [queries, keys]. */
function rolledOut(pooled: readonly number[], layers: readonly number[][][]): number[] {
  return layers.toReversed().reduce(
    (weights, layer) =>
      weights.map((own, key) =>
        0.5 * own + 0.5 * layer.reduce((sum, row, query) => sum + weights[query]! * row[key]!, 0)
      ),
    [...pooled],
  );
}

Deno.test("a rollout halves what tokens were and what they attended to, from what is pooled to the first layer", async () => {
  const live = gpu.memory.live;
  for (
    const [queries, pooled] of [[KEYS, undefined], [1, undefined], [KEYS, [
      0,
      0.5,
      0,
      0,
      0.25,
      0.25,
      0,
    ]]] as const
  ) {
    const rollout = new AttentionRollout();
    const means = await results(() => {
      const of = (factor: number, queries: number) => {
        const [q, kv] = [waves([1, queries, WIDTH], factor), waves([1, KEYS, 2 * WIDTH], factor + 0.1)];
        rollout.attended(q, kv, { heads: HEADS });
        return attentionProbabilities(q, kv, { heads: HEADS });
      };
      const layers = [of(1, KEYS), of(2, KEYS), of(3, queries)];
      if (pooled) rollout.pooled(Tensor.from(gpu, Float32Array.from(pooled), [1, 1, KEYS]));
      return [...layers, rollout.weights()!];
    });
    rollout.dispose();
    const weights = means.pop()!;
    const layers = means.map((all) => {
      const rows = all.length / HEADS / KEYS;
      return Array.from({ length: rows }, (_, row) =>
        Array.from({ length: KEYS }, (_, key) => {
          const heads = Array.from({ length: HEADS }, (_, head) => all[(head * rows + row) * KEYS + key]!);
          return heads.reduce((a, b) => a + b) / HEADS;
        }));
    });
    const first = [1, ...Array<number>(KEYS - 1).fill(0)];
    near(weights, rolledOut(pooled ?? first, layers), 1e-6, `${queries} queries`);
  }
  assert.equal(new AttentionRollout().weights(), undefined);
  assert.equal(gpu.memory.live, live, "bytes left behind");
});

const SAMPLES = 4;

/** What is pooled of the last tokens where it is more than the first: [samples, tokens]. */
function pooledTokens(model: string, inputs: HostInputs, count: number): number[] {
  if (!("text" in inputs)) {
    const tokens = count / SAMPLES;
    const first = model === "beit" ? 1 : 0; // the mean of BEiT is of patches alone
    return Array.from({ length: count }, (_, i) => i % tokens < first ? 0 : 1 / (tokens - first));
  }
  const { mask, tokens } = inputOf(inputs, "text", "text");
  return Array.from(mask, (is, i) => {
    const start = i - i % tokens;
    const length = mask.subarray(start, start + tokens).reduce((sum, one) => sum + one, 0);
    if (model === "clip_text_model") return Number(i - start === length - 1); // its end token
    return is / length;
  });
}

Deno.test("every encoder says what its layers attend to, or nothing where none do, and answers the same", async () => {
  const attending: string[] = [];
  for (const type of encoderTypes().filter(({ inputs }) => Object.keys(inputs).length === 1)) {
    const poolings: (PoolingName | undefined)[] = "pooling" in type.configure()
      ? ["first", "mean", "pooler", "projection"]
      : [undefined];
    for (const pooling of poolings) {
      const specs = specsOf(type.inputs);
      const configured = () =>
        type.configure({ ...SMALL, ...type.fromData(specs), ...(pooling && { pooling }) });
      let config: ReturnType<typeof configured>;
      try {
        config = configured();
      } catch {
        continue; // it has no such pooling
      }
      const live = gpu.memory.live;
      const parameters = new Parameters();
      const encoder = type.build(parameters.root, config, specs);
      parameters.allocate(gpu, 1);
      const inputs = Object.fromEntries(
        Object.entries(specs).map(([name, spec]) => [name, drawInput(spec, new Random(2), SAMPLES)]),
      );
      const rollout = new AttentionRollout();
      const seen: Tensor[] = [];
      const { pooled } = AttentionRollout.prototype;
      rollout.pooled = (weights) => {
        seen.push(weights.retain());
        pooled.call(rollout, weights);
      };
      const [plain, told, weights] = await results(() => {
        const uploaded = encoder.upload(gpu, inputs);
        const plain = encoder.represent(uploaded, EVALUATION);
        const told = encoder.represent(uploaded, { ...EVALUATION, rollout });
        const weights = rollout.weights();
        return [plain, told, ...(weights ? [weights] : [])];
      });
      rollout.dispose();
      parameters.dispose();
      const last = await readTensors(seen) as Float32Array[];
      for (const tensor of seen) tensor.dispose();
      assert.equal(gpu.memory.live, live, `${type.title}: bytes left behind`);
      for (const own of last) near(own, pooledTokens(type.model_type, inputs, own.length), 1e-6, type.title);
      assert.deepEqual(told, plain, type.title);
      if (weights === undefined) continue;
      attending.push(type.model_type);
      const what = `${type.title}, ${pooling}`;
      const tokens = weights.length / SAMPLES;
      for (let row = 0; row < SAMPLES; row++) {
        const own = weights.subarray(row * tokens, (row + 1) * tokens);
        assert.ok(own.every((weight) => weight >= 0), what);
        assert.ok(Math.abs(own.reduce((a, b) => a + b) - 1) < 1e-5, what);
        if (encoder.patches) {
          const [rows, columns] = encoder.patches;
          assert.ok(rows * columns <= tokens && own.every((weight) => weight > 0), what);
        } else {
          const { mask } = inputOf(inputs, "text", "text");
          own.forEach((weight, i) => assert.equal(weight > 0, mask[row * tokens + i] === 1, `${what}, ${i}`));
        }
      }
    }
  }
  const silent = encoderTypes().map(({ model_type }) => model_type).filter((name) =>
    !attending.includes(name)
  );
  assert.deepEqual(silent.toSorted(), ["densenet", "mlp", "resnet", "vilt"]);
});
