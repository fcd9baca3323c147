/** What heads learn of mixed images, against PyTorch (scripts/fixtures/mixed_targets.py), and which heads do. */
import assert from "node:assert/strict";
import { mlp } from "../../src/models/encoders/mlp.ts";
import type { ByModality } from "../../src/models/losses/pairs.ts";
import { computeLosses } from "../../src/models/methods/compute_losses.ts";
import { chooseMethod } from "../../src/models/methods/registry.ts";
import { single } from "../../src/models/methods/single.ts";
import { multiLabel } from "../../src/models/tasks/multi_label.ts";
import { regression } from "../../src/models/tasks/regression.ts";
import { MultimodalClassifier } from "../../src/models/multimodal_classifier.ts";
import { vit } from "../../src/models/encoders/vit.ts";
import { EVALUATION } from "../../src/nn/context.ts";
import { type ModulePath, Parameters } from "../../src/nn/parameters.ts";
import { backward } from "../../src/ops/backward.ts";
import { scope } from "../../src/tensor/scope.ts";
import { readTensors, Tensor } from "../../src/tensor/tensor.ts";
import { mixedTargets } from "../../src/train/gradient_step.ts";
import stored from "../fixtures/mixed_targets.json" with { type: "json" };
import { openTestGpu } from "../open_gpu.ts";
import { assertClose, Fixture } from "./fixtures.ts";

const gpu = await openTestGpu();
const fixture = new Fixture("mixed_targets");
const labels = fixture.words("labels");
const mix = { partners: fixture.words("partners"), shares: fixture.floats("shares") };

interface Options {
  readonly class_weights?: readonly number[];
  readonly sample_weights?: readonly number[];
  readonly label_smoothing?: number;
  readonly focal_gamma?: number;
}
const vector = (values: readonly number[]) => Tensor.from(gpu, Float32Array.from(values), [values.length]);

for (const [name, { method, options, total }] of Object.entries(stored.cases)) {
  Deno.test(`losses and gradients of mixed images agree with PyTorch: ${name}`, async () => {
    const { class_weights, sample_weights, label_smoothing = 0, focal_gamma = 0 }: Options = options;
    const own = sample_weights ?? Array.from(labels, () => 1);
    const mean = own.reduce((sum, one, row) => sum + one * (class_weights?.[labels[row]!] ?? 1), 0) /
      own.length;
    const weights = Float32Array.from(own, (one) => one / mean);
    const live = gpu.memory.live;
    const found = scope(() => {
      const leaf = (key: string) => Tensor.from(gpu, fixture.floats(key), fixture.shape(key), true);
      const [representations, unimodalLogits] = ["r", "u"].map((key): ByModality<Tensor> => ({
        image: leaf(`${key}.0`),
        text: leaf(`${key}.1`),
      })) as [ByModality<Tensor>, ByModality<Tensor>];
      const fusedLogits = leaf("f");
      const targets = mixedTargets(gpu, { size: labels.length, labels, weights }, mix);
      const losses = computeLosses(
        chooseMethod(method, ["image", "text"]).method,
        { representations, unimodalLogits, fusedLogits },
        Tensor.from(gpu, labels.slice(), [labels.length]),
        {
          temperature: stored.temperature,
          contrastiveWeight: stored.contrastive_weight,
          head: {
            classWeights: class_weights && vector(class_weights),
            rowWeights: Tensor.from(gpu, weights, [labels.length]),
            labelSmoothing: label_smoothing,
            focalGamma: focal_gamma,
          },
          mixture: { heads: ["image", "fusion"], targets },
        },
      );
      backward(losses.total);
      const leaves = {
        "dr.0": representations.image!,
        "dr.1": representations.text!,
        "du.0": unimodalLogits.image!,
        "du.1": unimodalLogits.text!,
        df: fusedLogits,
      };
      const grads = Object.entries(leaves).flatMap(([key, x]) => x.grad ? [{ key, grad: x.grad }] : []);
      return { total: losses.total, keys: grads.map(({ key }) => key), grads: grads.map(({ grad }) => grad) };
    });
    const [[loss], ...grads] = await readTensors([found.total, ...found.grads]) as [
      Float32Array,
      ...Float32Array[],
    ];
    for (const tensor of [found.total, ...found.grads]) tensor.dispose();
    assert.equal(gpu.memory.live, live, "bytes left behind");
    assert.ok(Math.abs(loss! - total) < 1e-4 * total, `${loss}, not ${total}`);
    const wanted = ["dr.0", "dr.1", "du.0", "du.1", "df"].filter((key) => fixture.has(`${name}.${key}`));
    for (const key of wanted) {
      assertClose(key, grads[found.keys.indexOf(key)]!, fixture.floats(`${name}.${key}`));
    }
    assert.ok(wanted.length > 0);
  });
}

/** The loss of an output x for a target t, and what targets may be. */
const TASKS = [
  {
    task: multiLabel(),
    loss: (x: number, t: number) => Math.log1p(Math.exp(x)) - t * x,
    target: (i: number) => (i * 5 + (i >> 2)) % 2,
  },
  {
    task: regression(),
    loss: (x: number, t: number) => (x - t) ** 2,
    target: (i: number) => Math.cos(3 * i),
  },
];
for (const { task, loss, target } of TASKS) {
  Deno.test(`${task.name} learns the targets of both samples in a mixed image`, async () => {
    const size = labels.length, outputs = task.name === "regression" ? 1 : 3;
    const targets = Float32Array.from({ length: size * outputs }, (_, i) => target(i));
    const values = Float32Array.from({ length: size * outputs }, (_, i) => 2 * Math.sin(i));
    const losses = scope(() => {
      const batch = { size, labels, targets };
      return computeLosses(
        single,
        { representations: {}, unimodalLogits: { image: Tensor.from(gpu, values, [size, outputs]) } },
        Tensor.from(gpu, targets.slice(), [size, outputs]),
        {
          temperature: 1,
          contrastiveWeight: 0,
          task,
          mixture: { heads: ["image"], targets: mixedTargets(gpu, batch, mix) },
        },
      ).unimodal;
    });
    let expected = 0;
    values.forEach((x, i) => {
      const row = Math.floor(i / outputs), share = mix.shares[row]!;
      const theirs = targets[mix.partners[row]! * outputs + i % outputs]!;
      expected += (share * loss(x, targets[i]!) + (1 - share) * loss(x, theirs)) / values.length;
    });
    const [found] = await losses.read();
    losses.dispose();
    assert.ok(Math.abs(found! - expected) < 1e-5 * expected, `${found}, not ${expected}`);
  });
}

Deno.test("heads learn mixed targets where pixels reach them: the image's, and the fused one", async () => {
  const parameters = new Parameters();
  const spec = {
    kind: "image",
    name: "photo",
    height: 4,
    width: 4,
    mean: [0.5, 0.5, 0.5],
    std: [0.5, 0.5, 0.5],
  } as const;
  const sizes = {
    hidden_size: 4,
    num_hidden_layers: 1,
    num_attention_heads: 1,
    intermediate_size: 4,
    patch_size: 4,
    image_size: 4,
  };
  const model = new MultimodalClassifier(parameters.root, {
    photo: (path: ModulePath) => vit.build(path, vit.configure(sizes), { image: spec }),
    sensor: (path: ModulePath) =>
      mlp.build(path, mlp.configure({ input_size: 3, hidden_size: 4 }), {
        features: { kind: "features", name: "sensor", width: 3 },
      }),
  }, { method: "unis-mmc", classifier: { classes: 3 } });
  parameters.allocate(gpu, 3);
  const pixels = Uint8Array.from({ length: 8 * 48 }, (_, i) => (i * 37) % 256);
  const values = Float32Array.from({ length: 24 }, (_, i) => Math.sin(i));
  const tensors = scope(() => {
    const outputs = model.forward(
      model.upload(gpu, {
        photo: { kind: "image", pixels, height: 4, width: 4 },
        sensor: { kind: "features", values, width: 3 },
      }),
      EVALUATION,
    );
    const own = Tensor.from(gpu, labels.slice(), [8]);
    const plain = model.losses(outputs, own);
    const mixed = model.losses(
      outputs,
      own,
      undefined,
      undefined,
      mixedTargets(gpu, { size: 8, labels }, mix),
    );
    const of = ({ unimodalOf, multimodal, contrastive, right }: typeof plain) => [
      unimodalOf.photo!,
      unimodalOf.sensor!,
      multimodal!,
      contrastive!,
      right.photo!,
    ];
    return [...of(plain), ...of(mixed)];
  });
  const read = (await readTensors(tensors)).map((one) => [...one]);
  for (const tensor of tensors) tensor.dispose();
  const changed = read.slice(0, 5).map((one, i) => String(one) !== String(read[i + 5]));
  assert.deepEqual(changed, [true, false, true, false, false]);
});
