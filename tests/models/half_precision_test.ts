/** The parity fixture's model with activations in f16, against itself in f32 and against PyTorch's gradients. */
import assert from "node:assert/strict";
import type { MultimodalClassifier } from "../../src/models/multimodal_classifier.ts";
import type { Context } from "../../src/nn/context.ts";
import type { Parameters } from "../../src/nn/parameters.ts";
import { backward } from "../../src/ops/backward.ts";
import { Adam } from "../../src/optim/adam.ts";
import { groupByPart } from "../../src/optim/groups.ts";
import { LossScale } from "../../src/optim/loss_scale.ts";
import { scope } from "../../src/tensor/scope.ts";
import { readTensors, type Tensor } from "../../src/tensor/tensor.ts";
import { openTestGpu } from "../open_gpu.ts";
import { Fixture, largest, readAll, summary } from "./fixtures.ts";
import { build, upload } from "./parity_model.ts";

const gpu = await openTestGpu();
const { adam } = summary.parity;
const ignore = !gpu.features.has("shader-f16");

class Setting {
  readonly fixture = new Fixture("parity");
  readonly parameters: Parameters;
  readonly model: MultimodalClassifier;

  constructor() {
    const { parameters, model } = build(gpu, this.fixture, true);
    this.parameters = parameters;
    this.model = model;
  }

  /** The losses of a batch, whose gradients, times the seed, are added to the parameters'. */
  differentiate(batch: number, context: Context, seed?: () => Tensor) {
    const { fixture, model } = this;
    return scope(() => {
      const { inputs, labels } = upload(gpu, fixture, model, batch);
      const { unimodal, multimodal, contrastive, total, objective } = model.losses(
        model.forward(inputs, context),
        labels,
      );
      backward(objective, seed?.());
      return { unimodal, multimodal: multimodal!, contrastive: contrastive!, total };
    });
  }

  optimizer(): Adam {
    return new Adam(this.parameters, {
      ...groupByPart({
        rates: { image: adam.lr_encoders, text: adam.lr_encoders, heads: adam.lr_heads },
        weightDecay: adam.weight_decay,
      }),
    });
  }
}

for (const checkpointing of [false, true]) {
  const name = checkpointing ? " with checkpointing" : "";
  Deno.test({
    name: `losses and gradients in f16 are near those in f32${name}`,
    ignore,
    async fn() {
      const setting = new Setting();
      const { parameters, fixture } = setting;
      const single = await readAll(setting.differentiate(0, { recompute: checkpointing }));
      parameters.zeroGrad();
      const lossScale = new LossScale(gpu);
      const context = { recompute: checkpointing, precision: "f16" } as const;
      const half = await readAll(setting.differentiate(0, context, () => lossScale.seed(1)));
      for (const [loss, [value]] of Object.entries(half)) {
        const [expected] = single[loss as keyof typeof single];
        assert.notEqual(value, expected, `the ${loss} loss is that in f32`);
        assert.ok(Math.abs(value! / expected! - 1) < 1e-2, `${loss}: ${value} for ${expected}`);
      }
      const all = [...parameters];
      const grads = await readTensors(all.map(({ grad }) => grad));
      for (const [i, { name }] of all.entries()) {
        const expected = fixture.floats(`grad.${name}`);
        // A key's bias has none in theory: see assertGradients.
        const scale = largest(fixture.floats(`grad.${name.replace(".key.bias", ".query.bias")}`));
        const unscaled = (grads[i] as Float32Array).map((g) => g / 2 ** 16);
        const error = largest(unscaled.map((g, j) => g - expected[j]!));
        assert.ok(error < 3e-2 * scale, `the gradient of ${name} is off by ${error / scale}`);
      }
      lossScale.dispose();
      fixture.close();
    },
  });
}

Deno.test({
  name: "ten steps in f16 lose as those in f32",
  ignore,
  async fn() {
    const setting = new Setting();
    const optimizer = setting.optimizer();
    const lossScale = new LossScale(gpu);
    for (const [step, batch] of adam.batches.entries()) {
      setting.parameters.zeroGrad();
      const { total } = await readAll(
        setting.differentiate(batch, { precision: "f16" }, () => lossScale.seed(1)),
      );
      const expected = adam.log[step]!.total;
      assert.ok(Math.abs(total[0]! / expected - 1) < 1e-2, `step ${step}: ${total[0]} for ${expected}`);
      optimizer.step({ lossScale });
    }
    assert.deepEqual(await lossScale.read(), { scale: 2 ** 16, skipped: 0 });
    setting.fixture.close();
  },
});

Deno.test({
  name: "a scale that f16 cannot hold comes down by skipping steps until they can be taken",
  ignore,
  async fn() {
    const setting = new Setting();
    const optimizer = setting.optimizer();
    const lossScale = new LossScale(gpu, { initial: 2 ** 40, backoff: 2 ** -8 });
    const before = await setting.parameters.read();
    const step = () => {
      setting.parameters.zeroGrad();
      setting.differentiate(0, { precision: "f16" }, () => lossScale.seed(1));
      optimizer.step({ lossScale });
    };
    step();
    assert.deepEqual(await lossScale.read(), { scale: 2 ** 32, skipped: 1 });
    const after = await setting.parameters.read();
    for (const [name, values] of before) {
      assert.ok(values.every((value, i) => value === after.get(name)![i]), name);
    }
    for (let number = 0; number < 4; number++) step();
    const { scale, skipped } = await lossScale.read();
    assert.ok(skipped >= 2 && skipped < 5 && scale === 2 ** (40 - 8 * skipped), `${scale} after ${skipped}`);
    const last = await setting.parameters.read();
    assert.ok([...before].some(([name, values]) => values.some((value, i) => value !== last.get(name)![i])));
    setting.fixture.close();
  },
});
