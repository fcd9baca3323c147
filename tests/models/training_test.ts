/** Training of tiny models from end to end: memory, repeatability, learning, methods, any number of modalities. */
import assert from "node:assert/strict";
import { bert } from "../../src/models/encoders/bert.ts";
import type { Encoder } from "../../src/models/encoders/encoder.ts";
import type { HostInput } from "../../src/models/encoders/inputs.ts";
import { mlp } from "../../src/models/encoders/mlp.ts";
import type { TextTransformer } from "../../src/models/encoders/text_transformer.ts";
import type { ByModality } from "../../src/models/losses/pairs.ts";
import { MultimodalClassifier } from "../../src/models/multimodal_classifier.ts";
import { vit } from "../../src/models/encoders/vit.ts";
import { type Context, EVALUATION } from "../../src/nn/context.ts";
import { type ModulePath, Parameters } from "../../src/nn/parameters.ts";
import { backward } from "../../src/ops/backward.ts";
import { Adam } from "../../src/optim/adam.ts";
import { RandomKeys } from "../../src/tensor/random.ts";
import { scope } from "../../src/tensor/scope.ts";
import { noGrad } from "../../src/tensor/tape.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { openTestGpu } from "../open_gpu.ts";
import { generator } from "../ops/table.ts";
import { features, images, texts } from "./tiny_specs.ts";

const gpu = await openTestGpu();
const CLASSES = 3, SAMPLES = 8, FEATURES = 5;

const transformer = { hidden_size: 16, num_hidden_layers: 2, num_attention_heads: 2, intermediate_size: 32 };
const drops = { hidden_dropout_prob: 0.1, attention_probs_dropout_prob: 0.1, initializer_range: 0.1 };

const BUILDERS = {
  image: (path: ModulePath) =>
    vit.build(path, vit.configure({ ...transformer, ...drops, image_size: 8, patch_size: 4 }), {
      image: images(8),
    }),
  text: (path: ModulePath) =>
    bert.build(
      path,
      bert.configure({ ...transformer, ...drops, vocab_size: 20, max_position_embeddings: 8 }),
      { text: texts(20, 8) },
    ),
  genes: (path: ModulePath) =>
    mlp.build(path, mlp.configure({ input_size: FEATURES, hidden_size: 16 }), {
      features: features(FEATURES),
    }),
} satisfies Record<string, (path: ModulePath) => Encoder>;
type Name = keyof typeof BUILDERS;

/** Random samples with random labels, nothing but memory will do. */
function drawBatch(seed: number): { inputs: Record<Name, HostInput>; labels: Uint32Array<ArrayBuffer> } {
  const random = generator(seed);
  const whole = (below: number) => Math.floor(random() * below);
  const tokens = 4 + 2 * (seed % 2); // batches differ in length
  const mask = Uint32Array.from(
    { length: SAMPLES * tokens },
    (_, i) => Number(i % tokens < 2 + i / tokens % 3),
  );
  return {
    inputs: {
      image: {
        kind: "image",
        pixels: Uint8Array.from({ length: SAMPLES * 8 * 8 * 3 }, () => whole(256)),
        height: 8,
        width: 8,
      },
      text: { kind: "text", ids: mask.map((kept) => kept && 1 + whole(19)), mask, tokens },
      genes: {
        kind: "features",
        values: Float32Array.from({ length: SAMPLES * FEATURES }, () => 2 * random() - 1),
        width: FEATURES,
      },
    },
    labels: Uint32Array.from({ length: SAMPLES }, () => whole(CLASSES)),
  };
}

class Trainer {
  readonly parameters = new Parameters();
  readonly model: MultimodalClassifier;
  readonly optimizer: Adam;
  readonly #seed: number;

  constructor(names: readonly Name[], { method = "unis-mmc", seed = 1, rate = 3e-3 } = {}) {
    const encoders = Object.fromEntries(names.map((name) => [name, BUILDERS[name]]));
    const classifier = { classes: CLASSES, hidden_size: 16, dropout: 0.1 };
    this.model = new MultimodalClassifier(this.parameters.root, encoders, { method, classifier });
    this.parameters.allocate(gpu, seed);
    this.optimizer = new Adam(this.parameters, {
      groups: { all: { learningRate: rate, weightDecay: 1e-4 } },
      groupOf: () => "all",
    });
    this.#seed = seed;
  }

  step(step: number, { inputs, labels }: ReturnType<typeof drawBatch>, train = true): void {
    const context: Context = train ? { keys: new RandomKeys(this.#seed, step) } : EVALUATION;
    this.parameters.zeroGrad();
    scope(() => {
      const outputs = this.model.forward(this.model.upload(gpu, inputs), context);
      backward(this.model.losses(outputs, Tensor.from(gpu, labels, [labels.length])).objective);
    });
    this.optimizer.step({ maxNorm: 5 });
  }

  /** Where a batch is right, by modality and fused. */
  async right({ inputs, labels }: ReturnType<typeof drawBatch>): Promise<Record<string, number[]>> {
    const tensors = scope(() =>
      noGrad(() => {
        const outputs = this.model.forward(this.model.upload(gpu, inputs), EVALUATION);
        const losses = this.model.losses(outputs, Tensor.from(gpu, labels, [labels.length]));
        return { ...losses.right, fusion: losses.fusedRight } as ByModality<Tensor>;
      })
    );
    const read: Record<string, number[]> = {};
    for (const [name, tensor] of Object.entries(tensors)) {
      read[name] = [...await tensor.read()];
      tensor.dispose();
    }
    return read;
  }

  async hash(): Promise<string> {
    const bytes = [...await this.parameters.read()].map(([, values]) => new Uint8Array(values.buffer));
    const digest = await crypto.subtle.digest("SHA-256", await new Blob(bytes).arrayBuffer());
    return new Uint8Array(digest).toHex();
  }

  dispose(): void {
    this.optimizer.dispose();
    this.parameters.dispose();
  }
}

Deno.test("live bytes after step 100 are those after step 3, and nothing is left in the end", async () => {
  const before = gpu.memory.live;
  const trainer = new Trainer(["image", "text"]);
  const batches = [drawBatch(1), drawBatch(2)];
  const live: number[] = [];
  for (let step = 1; step <= 100; step++) {
    trainer.step(step, batches[step % 2]!);
    live.push(gpu.memory.live);
  }
  await gpu.finish();
  assert.equal(live[99], live[2]);
  const perParameter = 4 * (4 + 1 / 16); // values, gradients, two moments, and their blocks
  const least = trainer.parameters.count * perParameter;
  assert.ok(live[2]! - before >= least, "parameters are counted");
  const slack = 256 * [...trainer.parameters].length * 4 + 2 ** 12;
  assert.ok(
    live[2]! - before <= 1.07 * least + slack,
    `activations are left: ${live[2]! - before} of ${least}`,
  );
  trainer.dispose();
  assert.equal(gpu.memory.live, before);
});

Deno.test("the same seed gives the same weights bit for bit, another seed does not", async () => {
  const run = async (seed: number) => {
    const trainer = new Trainer(["image", "text"], { seed });
    for (let step = 0; step < 12; step++) trainer.step(step, drawBatch(1 + step % 2));
    const hash = await trainer.hash();
    trainer.dispose();
    return hash;
  };
  const [first, second, other] = [await run(1), await run(1), await run(2)];
  assert.equal(first, second);
  assert.notEqual(first, other);
});

for (const method of ["unis-mmc", "agg-mm"]) {
  Deno.test(`${method} learns eight samples by heart`, async () => {
    const trainer = new Trainer(["image", "text"], { method });
    const batch = drawBatch(3);
    for (let step = 0; step < 150; step++) trainer.step(step, batch);
    const { fusion } = await trainer.right(batch);
    assert.deepEqual(fusion, Array.from(batch.labels, () => 1));
    trainer.dispose();
  });
}

Deno.test("the unimodal heads of agg-mm learn, and disturb neither encoders nor fusion", async () => {
  const batch = drawBatch(5);
  const learn = async (relabelled: boolean) => {
    const trainer = new Trainer(["image", "text"], { method: "agg-mm" });
    // Other first weights of the unimodal heads give other losses and gradients there.
    if (relabelled) {
      for (const { name, value } of trainer.parameters) {
        if (/^heads\.(image|text)\..*weight/.test(name)) {
          trainer.parameters.write(name, (await value.read() as Float32Array<ArrayBuffer>).map((x) => -x));
        }
      }
    }
    const { parameters, model } = trainer;
    scope(() => {
      const outputs = model.forward(model.upload(gpu, batch.inputs), EVALUATION);
      backward(model.losses(outputs, Tensor.from(gpu, batch.labels, [SAMPLES])).objective);
    });
    const grads = new Map<string, number[]>();
    for (const { name, grad } of parameters) grads.set(name, [...await grad.read()]);
    trainer.dispose();
    return grads;
  };
  const [plain, changed] = [await learn(false), await learn(true)];
  const isProbe = (name: string) => /^heads\.(image|text)\./.test(name);
  for (const [name, grad] of plain) {
    if (!isProbe(name)) assert.deepEqual(grad, changed.get(name), name);
    if (name.endsWith(".2.weight")) assert.ok(grad.some((g) => g !== 0), `${name} learns`);
  }
  assert.notDeepEqual(plain.get("heads.image.2.weight"), changed.get("heads.image.2.weight"));
});

Deno.test("three modalities train: three pairs, seven losses, heads by name", async () => {
  const trainer = new Trainer(["image", "text", "genes"]);
  const batch = drawBatch(7);
  const found = scope(() => {
    const outputs = trainer.model.forward(trainer.model.upload(gpu, batch.inputs), EVALUATION);
    const losses = trainer.model.losses(outputs, Tensor.from(gpu, batch.labels, [SAMPLES]));
    backward(losses.objective);
    return losses;
  });
  assert.deepEqual(found.pairs.map(({ a, b }) => `${a}+${b}`), ["image+text", "image+genes", "text+genes"]);
  assert.deepEqual(Object.keys(found.unimodalOf), ["image", "text", "genes"]);
  for (const { counts } of found.pairs) {
    assert.equal((await counts.read() as Uint32Array).reduce((a, b) => a + b), SAMPLES);
  }
  const value = async (tensor: Tensor) => (await tensor.read())[0]!;
  const unimodal = await value(found.unimodal);
  const parts = await Promise.all(Object.values(found.unimodalOf).map(value));
  const isNear = (a: number, b: number) => Math.abs(a - b) < 1e-5 * Math.abs(b);
  assert.ok(isNear(unimodal, parts.reduce((a, b) => a + b)));
  const total = unimodal + await value(found.multimodal!) + 0.1 * await value(found.contrastive!);
  assert.ok(isNear(await value(found.total), total));
  for (const name of ["heads.genes.0.weight", "heads.fusion.0.weight", "genes.layer.1.bias"]) {
    const { grad } = trainer.parameters.get(name);
    assert.ok((await grad.read()).some((g) => g !== 0), `${name} has a gradient`);
  }
  assert.deepEqual([...trainer.parameters.get("heads.fusion.0.weight").shape], [16, 48]);
  for (let step = 0; step < 120; step++) trainer.step(step, batch);
  assert.deepEqual((await trainer.right(batch)).fusion, Array.from(batch.labels, () => 1));
  trainer.dispose();
});

Deno.test("a representation is the first token of the last hidden state", async () => {
  const trainer = new Trainer(["image", "text"]);
  const { encoders } = trainer.model;
  const { inputs } = drawBatch(1);
  const text = encoders.text as TextTransformer;
  const [short, long] = scope(() =>
    noGrad(() => {
      const input = text.upload(gpu, inputs);
      return [text.represent(input, EVALUATION), text.hiddenStates(input, EVALUATION).at(-1)!];
    })
  ) as [Tensor, Tensor];
  const [a, b] = [await short.read(), await long.read()];
  const tokens = long.shape[1]!;
  for (let i = 0; i < a.length; i++) {
    const at = Math.floor(i / 16) * tokens * 16 + i % 16;
    assert.ok(Math.abs(a[i]! - b[at]!) < 1e-5, `sample ${Math.floor(i / 16)}`);
  }
  trainer.dispose();
});

Deno.test("dropout acts in training only, and by its key", async () => {
  const trainer = new Trainer(["image", "text"]);
  const { inputs } = drawBatch(1);
  const logits = async (context: Context) => {
    const { fusedLogits } = noGrad(() => trainer.model.forward(trainer.model.upload(gpu, inputs), context));
    return [...await fusedLogits!.read()];
  };
  const keys = (step: number) => ({ keys: new RandomKeys(1, step) });
  assert.deepEqual(await logits(EVALUATION), await logits(EVALUATION));
  assert.notDeepEqual(await logits(keys(1)), await logits(EVALUATION));
  assert.deepEqual(await logits(keys(1)), await logits(keys(1)));
  assert.notDeepEqual(await logits(keys(1)), await logits(keys(2)));
});
