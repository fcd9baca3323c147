/** What fine-tuning leaves out or computes twice: frozen layers and activation checkpointing. */
import assert from "node:assert/strict";
import { Gpu } from "../../src/gpu/gpu.ts";
import { bert } from "../../src/models/encoders/bert.ts";
import type { HostInput } from "../../src/models/encoders/inputs.ts";
import { MultimodalClassifier } from "../../src/models/multimodal_classifier.ts";
import { vit } from "../../src/models/encoders/vit.ts";
import { type Context, EVALUATION } from "../../src/nn/context.ts";
import { type Frozen, isFrozen } from "../../src/nn/freezing.ts";
import { type ModulePath, Parameters } from "../../src/nn/parameters.ts";
import { backward } from "../../src/ops/backward.ts";
import { Adam } from "../../src/optim/adam.ts";
import { RandomKeys } from "../../src/tensor/random.ts";
import { scope } from "../../src/tensor/scope.ts";
import { noGrad } from "../../src/tensor/tape.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { openTestGpu } from "../open_gpu.ts";
import { generator } from "../ops/table.ts";
import { images, texts } from "./tiny_specs.ts";

const SAMPLES = 6, TOKENS = 8, SIDE = 16, LAYERS = 4;

const transformer = {
  hidden_size: 32,
  num_hidden_layers: LAYERS,
  num_attention_heads: 2,
  intermediate_size: 64,
  hidden_dropout_prob: 0.2,
  attention_probs_dropout_prob: 0.2,
  initializer_range: 0.1,
};
const ENCODERS = {
  image: (path: ModulePath) =>
    vit.build(path, vit.configure({ ...transformer, image_size: SIDE, patch_size: 4 }), {
      image: images(SIDE),
    }),
  text: (path: ModulePath) =>
    bert.build(path, bert.configure({ ...transformer, vocab_size: 40, max_position_embeddings: TOKENS }), {
      text: texts(40, TOKENS),
    }),
};

function drawBatch(): { inputs: Record<string, HostInput>; labels: Uint32Array<ArrayBuffer> } {
  const random = generator(3);
  const whole = (below: number) => Math.floor(random() * below);
  const mask = Uint32Array.from(
    { length: SAMPLES * TOKENS },
    (_, i) => Number(i % TOKENS < 3 + i / TOKENS % 5),
  );
  const pixels = Uint8Array.from({ length: SAMPLES * SIDE * SIDE * 3 }, () => whole(256));
  return {
    inputs: {
      image: { kind: "image", pixels, height: SIDE, width: SIDE },
      text: { kind: "text", ids: mask.map((kept) => kept && 1 + whole(39)), mask, tokens: TOKENS },
    },
    labels: Uint32Array.from({ length: SAMPLES }, () => whole(3)),
  };
}

const BATCH = drawBatch();

interface Measured {
  readonly loss: number;
  /** By the parameter's name; frozen ones have none. */
  readonly grads: ReadonlyMap<string, Float32Array>;
  readonly before: ReadonlyMap<string, Float32Array>;
  readonly after: ReadonlyMap<string, Float32Array>;
  /** Bytes of activations at the peak of two micro-batches, and of all that is there in the end. */
  readonly activations: number;
  readonly standing: number;
  readonly dispatches: number;
}

/** Two micro-batches and a step of a model on a device of its own. */
async function train(frozen: Partial<Record<string, Frozen>>, checkpointing: boolean): Promise<Measured> {
  const gpu = await Gpu.open();
  const parameters = new Parameters();
  const model = new MultimodalClassifier(parameters.root, ENCODERS, {
    method: "unis-mmc",
    classifier: { classes: 3, hidden_size: 16, dropout: 0.1 },
  });
  parameters.freeze((name) => {
    const [part, ...rest] = name.split(".");
    return isFrozen(rest.join("."), frozen[part!] ?? false);
  });
  parameters.allocate(gpu, 1);
  const optimizer = new Adam(parameters, {
    groups: { all: { learningRate: 1e-2, weightDecay: 0.1 } },
    groupOf: () => "all",
  });
  const before = await parameters.read();
  const standing = gpu.memory.live;
  const losses = [1, 2].map((micro) => {
    const context: Context = { keys: new RandomKeys(5, micro), recompute: checkpointing };
    const loss = scope(() => {
      const outputs = model.forward(model.upload(gpu, BATCH.inputs), context);
      const { objective } = model.losses(outputs, Tensor.from(gpu, BATCH.labels, [SAMPLES]));
      backward(objective);
      return objective;
    });
    assert.equal(gpu.memory.live, standing + 256 * micro, "more than the losses is left");
    return loss;
  });
  const activations = gpu.memory.peakLive - standing;
  const grads = new Map<string, Float32Array>();
  for (const { name, grad } of [...parameters].filter(({ frozen }) => !frozen)) {
    grads.set(name, await grad.read() as Float32Array);
  }
  optimizer.step({ maxNorm: 1 });
  const [loss] = await losses[1]!.read();
  const after = await parameters.read();
  for (const tensor of losses) tensor.dispose();
  const { dispatches } = gpu;
  optimizer.dispose();
  parameters.dispose();
  assert.equal(gpu.memory.live, 0);
  gpu.destroy();
  return { loss: loss!, grads, before, after, activations, standing, dispatches };
}

const reference = await train({}, false);

Deno.test("checkpointing changes no gradient by a bit, dropout and masks included, and takes less memory", async () => {
  const checkpointed = await train({}, true);
  assert.equal(checkpointed.loss, reference.loss);
  assert.deepEqual([...checkpointed.grads.keys()], [...reference.grads.keys()]);
  for (const [name, grad] of reference.grads) {
    assert.ok(grad.some((x) => x !== 0), `${name} has no gradient`);
    assert.deepEqual(checkpointed.grads.get(name), grad, name);
  }
  assert.deepEqual(checkpointed.after, reference.after);
  assert.ok(
    checkpointed.activations < 0.5 * reference.activations,
    `${checkpointed.activations} of ${reference.activations} bytes`,
  );
  assert.ok(checkpointed.dispatches > 1.15 * reference.dispatches, "nothing was computed twice");
});

for (
  const { title, frozen, learned, share, checkpointing: ways } of [
    {
      title: "an encoder",
      frozen: { text: true },
      learned: (name: string) => !name.startsWith("text."),
      share: 0.9,
      checkpointing: [false],
    },
    {
      title: "the first layers of both encoders",
      frozen: { text: 2, image: 3 },
      learned: (name: string) => /^heads|layer\.3|text.*layer\.2|^image\.layernorm/.test(name),
      share: 0.6,
      checkpointing: [false, true],
    },
    {
      title: "both encoders, so that the contrast has nothing to move",
      frozen: { text: true, image: true },
      learned: (name: string) => name.startsWith("heads."),
      share: 0.5,
      checkpointing: [false],
    },
  ]
) {
  for (const checkpointing of ways) {
    const how = checkpointing ? ", with checkpointing" : "";
    Deno.test(`freezing ${title} keeps its weights and the gradients of the rest${how}`, async () => {
      const run = await train(frozen, checkpointing);
      assert.deepEqual([...run.grads.keys()], [...reference.grads.keys()].filter(learned));
      assert.ok(run.grads.size > 0);
      for (const [name, grad] of run.grads) assert.deepEqual(grad, reference.grads.get(name), name);
      for (const [name, values] of run.after) {
        if (learned(name)) assert.notDeepEqual(values, run.before.get(name), `${name} did not move`);
        else assert.deepEqual(values, run.before.get(name), `${name} moved`);
      }
      assert.ok(run.standing < 0.95 * reference.standing, `${run.standing} of ${reference.standing}`);
      assert.ok(run.activations < share * reference.activations, `${run.activations}`);
    });
  }
}

Deno.test("a frozen parameter has no gradient to ask for, and freezing comes before memory", async () => {
  const parameters = new Parameters();
  ENCODERS.text(parameters.root.at("text"));
  parameters.freeze((name) => name.startsWith("text.embeddings"));
  parameters.allocate(await openTestGpu(), 1);
  assert.throws(
    () => parameters.get("text.embeddings.LayerNorm.bias").grad,
    /"text.embeddings.LayerNorm.bias": it is frozen/,
  );
  assert.throws(() => parameters.freeze(() => true), /memory is allocated already/);
  parameters.dispose();
});

Deno.test("isFrozen() counts embeddings below the first layer and what follows the layers above the last", () => {
  const names = [
    "embeddings.word_embeddings.weight",
    "encoder.layer.0.x.weight",
    "encoder.layer.10.x.weight",
    "layernorm.bias",
  ];
  const table: [Frozen, boolean[]][] = [
    [false, [false, false, false, false]],
    [0, [false, false, false, false]],
    [1, [true, true, false, false]],
    [10, [true, true, false, false]],
    [11, [true, true, true, false]],
    [true, [true, true, true, true]],
  ];
  for (const [frozen, expected] of table) {
    assert.deepEqual(names.map((name) => isFrozen(name, frozen)), expected, String(frozen));
  }
});

Deno.test("checkpointing records nothing in evaluation, and computes the same", async () => {
  const gpu = await openTestGpu();
  const parameters = new Parameters();
  const encoder = ENCODERS.text(parameters.root);
  parameters.allocate(gpu, 1);
  const live = gpu.memory.live;
  const [plain, checkpointed] = [EVALUATION, { recompute: true }].map((context) =>
    scope(() =>
      noGrad(() => {
        const representation = encoder.represent(encoder.upload(gpu, BATCH.inputs), context);
        assert.equal(representation.requiresGrad, false);
        return representation;
      })
    )
  );
  assert.deepEqual(await checkpointed!.read(), await plain!.read());
  plain!.dispose();
  checkpointed!.dispose();
  assert.equal(gpu.memory.live, live);
  parameters.dispose();
});
