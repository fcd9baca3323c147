/** Layer-wise decay of rates, gradual unfreezing and averaged weights, from configuration to weights, against PyTorch (scripts/fixtures/fine_tuning.py). */
import assert from "node:assert/strict";
import { PRESETS } from "../../src/config/presets.ts";
import { withSettings } from "../../src/config/run_config.ts";
import { EVALUATION } from "../../src/nn/context.ts";
import { Parameters } from "../../src/nn/parameters.ts";
import { backward } from "../../src/ops/backward.ts";
import { addToSums } from "../../src/ops/running_sums.ts";
import { WeightAverage } from "../../src/optim/weight_average.ts";
import { scope } from "../../src/tensor/scope.ts";
import { noGrad } from "../../src/tensor/tape.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { declareModel } from "../../src/train/gradient_step.ts";
import { makeOptimizer, ratesByPart } from "../../src/train/make_optimizer.ts";
import stored from "../fixtures/fine_tuning.json" with { type: "json" };
import { assertClose, Fixture, largest, queryOf } from "../models/fixtures.ts";
import { images, texts } from "../models/tiny_specs.ts";
import { openTestGpu } from "../open_gpu.ts";

const gpu = await openTestGpu();
const { classes, steps_per_epoch: perEpoch, vocabulary, tokens, encoder, optimizer: settings } = stored;

interface Case {
  readonly layer_decay?: number;
  readonly frozen_epochs?: Readonly<Record<string, number>>;
  readonly ema_decay?: number;
  readonly losses: readonly number[];
}

function configure({ layer_decay = 1, frozen_epochs, ema_decay = 0 }: Case) {
  const keys = {
    ...{ "method": "text", "model.head.layers": 1, "training.epochs": 5 },
    ...Object.fromEntries(
      Object.entries(encoder).map(([key, value]) => [`model.encoders.text.${key}`, value]),
    ),
    ...(frozen_epochs && { "model.encoders.text.frozen_epochs": frozen_epochs }),
    ...{ "optimizer.name": "adamw", "optimizer.layer_decay": layer_decay, "optimizer.ema_decay": ema_decay },
    ...Object.fromEntries(Object.entries(settings).map(([key, value]) => [`optimizer.${key}`, value])),
  };
  return withSettings(
    PRESETS.emoji,
    Object.entries(keys).map(([key, value]) => `${key}=${JSON.stringify(value)}`),
  );
}

for (const [title, given] of Object.entries(stored.cases as unknown as Record<string, Case>)) {
  Deno.test(`a BERT is fine-tuned as by PyTorch: ${title}`, async () => {
    const fixture = new Fixture("fine_tuning");
    const config = configure(given);
    const parameters = new Parameters();
    const model = declareModel(parameters, config, {
      name: "drawn",
      classes: Array.from({ length: classes }, (_, i) => `${i}`),
      modalities: [images(8), texts(vocabulary, tokens)],
    });
    parameters.allocate(gpu, 0);
    fixture.load(parameters, ["text.", "heads."]);
    const rates = ratesByPart(parameters, config);
    const optimizer = makeOptimizer(parameters, config, { rates, stepsOf: (epochs) => epochs * perEpoch });
    const average = given.ema_decay === undefined
      ? undefined
      : new WeightAverage(parameters, given.ema_decay);
    const start = await parameters.read();
    const sums = Tensor.from(gpu, new Float32Array(given.losses.length), [given.losses.length]);
    for (const step of given.losses.keys()) {
      const of = (name: string) => `batch.${step % 3}.${name}`;
      parameters.zeroGrad();
      scope(() => {
        const [ids, mask, labels] = ["ids", "mask", "labels"].map((name) => fixture.words(of(name)));
        const [, tokens] = fixture.shape(of("ids"));
        const inputs = model.upload(gpu, { text: { kind: "text", ids: ids!, mask: mask!, tokens: tokens! } });
        const outputs = model.forward(inputs, EVALUATION);
        const { objective, total } = model.losses(outputs, Tensor.from(gpu, labels!, [labels!.length]));
        backward(objective);
        noGrad(() => addToSums(sums, [{ at: step, values: total }]));
      });
      optimizer.step();
      average?.update();
    }
    const losses = await sums.read();
    for (const [step, loss] of given.losses.entries()) {
      assertClose(`the loss of step ${step}`, [losses[step]!], [loss]);
    }
    const moved = (values: ArrayLike<number>, name: string) =>
      Float64Array.from(values, (value, i) => value - start.get(name)![i]!);
    for (const [prefix, found] of [["", await parameters.read()], ["ema.", await average?.read()]] as const) {
      for (const [name, values] of found ?? []) {
        const expected = (name: string) => moved(fixture.floats(`${title}.${prefix}${name}`), name);
        // The key's bias has no gradient but for rounding: it is held against the query's.
        assertClose(
          `what ${prefix}${name} moved by`,
          moved(values, name),
          expected(name),
          largest(expected(queryOf(name))),
        );
      }
    }
    sums.dispose();
    average?.dispose();
    optimizer.dispose();
    parameters.dispose();
    fixture.close();
  });
}

Deno.test("the fixture tells what it is about: layers move less the deeper they are, and what is held later moves less", () => {
  const fixture = new Fixture("fine_tuning");
  const distance = (title: string, layer: string) => {
    const name = `text.${layer}.weight`;
    const [start, end] = [fixture.floats(name), fixture.floats(`${title}.${name}`)];
    return largest(end.map((value, i) => value - start[i]!));
  };
  const layers = [0, 1, 2].map((layer) => `encoder.layer.${layer}.output.dense`);
  for (const title of Object.keys(stored.cases)) {
    const found = layers.map((layer) => distance(title, layer));
    assert.ok(found[0]! < 0.9 * found[1]! && found[1]! < 0.9 * found[2]!, `${title}: ${found}`);
  }
  fixture.close();
});
