/** Joint systems of images and texts against PyTorch (scripts/fixtures/joint.py): logits, every gradient, 50 steps of Adam. */
import assert from "node:assert/strict";
import { encoderType } from "../../src/models/encoders/registry.ts";
import type { ImageSpec } from "../../src/models/encoders/inputs.ts";
import { MultimodalClassifier, type Weighting } from "../../src/models/multimodal_classifier.ts";
import { EVALUATION } from "../../src/nn/context.ts";
import { type ModulePath, Parameters } from "../../src/nn/parameters.ts";
import { backward } from "../../src/ops/backward.ts";
import { addToSums } from "../../src/ops/running_sums.ts";
import { Adam } from "../../src/optim/adam.ts";
import { scope } from "../../src/tensor/scope.ts";
import { noGrad } from "../../src/tensor/tape.ts";
import { readTensors, Tensor } from "../../src/tensor/tensor.ts";
import stored from "../fixtures/joint.json" with { type: "json" };
import weighted from "../fixtures/joint_weighted.json" with { type: "json" };
import { openTestGpu } from "../open_gpu.ts";
import { assertClose, assertGradients, Fixture, largest, queryOf } from "./fixtures.ts";
import { images, texts } from "./tiny_specs.ts";

const gpu = await openTestGpu();
const { classes, mean, std, systems } = stored;
type System = {
  readonly encoders: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly options: Readonly<Record<string, number>>;
  readonly side: number;
  readonly loss: number;
  readonly learning_rate: number;
  readonly log: readonly number[];
};

interface Weighed {
  readonly class_weights: readonly number[];
  readonly sample_weights?: readonly number[];
  readonly label_smoothing: number;
  readonly focal_gamma?: number;
  /** By the name of the system. */
  readonly losses: Readonly<Record<string, number>>;
}

/** The sizes of the fixture's batches. */
const [VOCABULARY, POSITIONS] = [40, 20];

function build(
  name: string,
  { encoders, options, side }: System,
  fixture: Fixture,
  weighting: Weighting = {},
) {
  const parameters = new Parameters();
  const three = (value: number): ImageSpec["mean"] => [value, value, value];
  const specs = { image: images(side, three(mean), three(std)), text: texts(VOCABULARY, POSITIONS) };
  const builders = Object.entries(encoders).map(([name, given]) => {
    const type = encoderType(given.model_type);
    const own = Object.fromEntries(
      Object.entries(type.inputs).map(([input, kind]) => [input, specs[kind as "image"]]),
    );
    const config = type.configure({ ...type.fromData(own), ...given });
    return [name, (path: ModulePath) => type.build(path, config, own)] as const;
  });
  const model = new MultimodalClassifier(parameters.root, Object.fromEntries(builders), {
    method: name,
    classifier: { classes, layers: 1 },
    options,
    weighting,
  });
  parameters.allocate(gpu, 0);
  fixture.load(parameters, [...Object.keys(encoders).map((encoder) => `${encoder}.`), "heads."]);
  return { parameters, model };
}

function upload({ side }: System, fixture: Fixture, model: MultimodalClassifier, i: number) {
  const [size, tokens] = fixture.shape(`batch.${i}.ids`) as [number, number];
  const inputs = model.upload(gpu, {
    image: { kind: "image", pixels: fixture.bytes(`batch.${i}.pixels`), height: side, width: side },
    text: {
      kind: "text",
      ids: fixture.words(`batch.${i}.ids`),
      mask: fixture.words(`batch.${i}.mask`),
      tokens,
    },
  });
  return { inputs, labels: Tensor.from(gpu, fixture.words(`batch.${i}.labels`), [size]) };
}

for (const [name, system] of Object.entries(systems as unknown as Record<string, System>)) {
  Deno.test(`${name} agrees with PyTorch in logits, loss and every gradient`, async () => {
    const fixture = new Fixture(`joint/${name}`);
    const { parameters, model } = build(name, system, fixture);
    const [logits, total] = scope(() => {
      const { inputs, labels } = upload(system, fixture, model, 0);
      const outputs = model.forward(inputs, EVALUATION);
      const { objective, total } = model.losses(outputs, labels);
      backward(objective);
      return [outputs.fusedLogits ?? Object.values(outputs.unimodalLogits)[0]!, total] as const;
    });
    assertClose("logits", await logits.read(), fixture.floats("logits"));
    assertClose("loss", await total.read(), [system.loss]);
    await assertGradients(parameters, fixture);
    fixture.close();
  });

  for (const [title, given] of Object.entries(weighted as unknown as Record<string, Weighed>)) {
    Deno.test(`${name} agrees with PyTorch where its loss is weighed: ${title}`, async () => {
      const [fixture, expected] = [new Fixture(`joint/${name}`), new Fixture("joint_weighted")];
      const { parameters, model } = build(name, system, fixture, {
        classWeights: given.class_weights,
        labelSmoothing: given.label_smoothing,
        ...(given.focal_gamma !== undefined && { focalGamma: given.focal_gamma }),
      });
      const labels = fixture.words("batch.0.labels");
      const own = given.sample_weights ?? Array.from(labels, () => 1);
      // What samples and classes count is 1 on average over a step, as the sum of weights stands below the loss.
      const sum = labels.reduce((sum, label, row) => sum + own[row]! * given.class_weights[label]!, 0);
      const rows = Float32Array.from(own, (weight) => weight * labels.length / sum);
      const total = scope(() => {
        const { inputs, labels } = upload(system, fixture, model, 0);
        const outputs = model.forward(inputs, EVALUATION);
        const { objective, total } = model.losses(
          outputs,
          labels,
          undefined,
          Tensor.from(gpu, rows, [rows.length]),
        );
        backward(objective);
        return total;
      });
      assertClose("loss", await total.read(), [given.losses[name]!]);
      const heads = [...parameters].filter(({ name }) => name.startsWith("heads."));
      const grads = await readTensors(heads.map(({ grad }) => grad));
      for (const [i, { name: weight }] of heads.entries()) {
        const gradient = expected.floats(`${name}.${title}.grad.${weight}`);
        const yardstick = expected.floats(`${name}.${title}.grad.${queryOf(weight)}`);
        assertClose(`the gradient of ${weight}`, grads[i]!, gradient, largest(yardstick));
      }
      for (const one of [fixture, expected]) one.close();
    });
  }

  Deno.test(`50 steps of ${name} lose as in PyTorch`, async () => {
    const fixture = new Fixture(`joint/${name}`);
    const { parameters, model } = build(name, system, fixture);
    const optimizer = new Adam(parameters, {
      groups: { all: { learningRate: system.learning_rate, weightDecay: 0 } },
      groupOf: () => "all",
      betas: [0.9, 0.999],
      epsilon: 1e-8,
    });
    const steps = system.log.length;
    const sums = Tensor.from(gpu, new Float32Array(steps), [steps]);
    for (let step = 0; step < steps; step++) {
      parameters.zeroGrad();
      scope(() => {
        const { inputs, labels } = upload(system, fixture, model, step % 3);
        const { objective, total } = model.losses(model.forward(inputs, EVALUATION), labels);
        backward(objective);
        noGrad(() => addToSums(sums, [{ at: step, values: total }]));
      });
      optimizer.step();
    }
    const losses = await sums.read();
    const apart = system.log.map((expected, step) => Math.abs(losses[step]! - expected));
    assert.ok(Math.max(...apart) < 1e-3, `losses part by ${Math.max(...apart)}`);
    assert.ok(system.log.at(-1)! < 0.5 * system.log[0]!, "it learns");
    fixture.close();
  });
}
