/** Losses and rightness of labels and of numbers against PyTorch (scripts/fixtures/tasks.py), and who refuses them. */
import assert from "node:assert/strict";
import { mlp } from "../../src/models/encoders/mlp.ts";
import type { ByModality } from "../../src/models/losses/pairs.ts";
import { computeLosses } from "../../src/models/methods/compute_losses.ts";
import { fuses } from "../../src/models/methods/method.ts";
import { chooseMethod, methods } from "../../src/models/methods/registry.ts";
import { MultimodalClassifier } from "../../src/models/multimodal_classifier.ts";
import { multiLabel, type MultiLabelSettings } from "../../src/models/tasks/multi_label.ts";
import { regression, type RegressionSettings } from "../../src/models/tasks/regression.ts";
import { classification } from "../../src/models/tasks/classification.ts";
import { type ModulePath, Parameters } from "../../src/nn/parameters.ts";
import { backward } from "../../src/ops/backward.ts";
import { full } from "../../src/ops/fill.ts";
import { scope } from "../../src/tensor/scope.ts";
import { readTensors, Tensor } from "../../src/tensor/tensor.ts";
import stored from "../fixtures/tasks.json" with { type: "json" };
import { openTestGpu } from "../open_gpu.ts";
import { assertClose, Fixture, largest } from "./fixtures.ts";

const gpu = await openTestGpu();
const fixture = new Fixture("tasks");

interface Case {
  task: string;
  method: string;
  settings: MultiLabelSettings & RegressionSettings;
  options: {
    class_weights?: number[];
    row_weights?: number[];
    label_smoothing?: number;
    focal_gamma?: number;
  };
  modalities: number;
  total: number;
  contrast?: number;
  counts: number[][];
}

const TASKS = { multi_label: multiLabel, regression } as const;
const vector = (values?: readonly number[]) =>
  values && Tensor.from(gpu, Float32Array.from(values), [values.length]);
const leaf = (name: string) => Tensor.from(gpu, fixture.floats(name), fixture.shape(name), true);

for (const [name, given] of Object.entries<Case>(stored)) {
  Deno.test(`losses agree with PyTorch: ${name}`, async () => {
    const { task, options, modalities } = given;
    const names = Array.from({ length: modalities }, (_, m) => `m${m}`);
    const { method } = chooseMethod(given.method, names);
    const out = scope(() => {
      const load = (key: string): ByModality<Tensor> =>
        Object.fromEntries(names.map((name, m) => [name, leaf(`${key}.${m}`)]));
      const [representations, unimodalLogits, fused] = [load("r"), load(`${task}.u`), leaf(`${task}.f`)];
      const outputs = { representations, unimodalLogits, ...(fuses(method) && { fusedLogits: fused }) };
      const losses = computeLosses(method, outputs, leaf(`${task}.t`), {
        temperature: 0.07,
        contrastiveWeight: 0.1,
        task: TASKS[task as keyof typeof TASKS](given.settings),
        head: {
          classWeights: vector(options.class_weights),
          rowWeights: vector(options.row_weights),
          labelSmoothing: options.label_smoothing ?? 0,
          focalGamma: options.focal_gamma ?? 0,
        },
      });
      backward(losses.total);
      const named = Object.entries({ dr: representations, du: unimodalLogits }).flatMap(([key, own]) =>
        Object.values(own).map((x, m) => [`${key}.${m}`, x] as const)
      );
      const grads = [...named, ["df", fused] as const].map(([key, x]) =>
        [key, x.grad ?? full(gpu, x.shape, 0)] as const
      );
      const contrast = losses.contrastive ?? full(gpu, [], 0);
      return { total: losses.total, contrast, grads, counts: losses.pairs.map(({ counts }) => counts) };
    });
    const tensors = [out.total, out.contrast, ...out.counts, ...out.grads.map(([, grad]) => grad)];
    const [total, contrast, ...rest] = await readTensors(tensors);
    for (const tensor of tensors) tensor.dispose();
    const near = (actual: number, expected: number) =>
      Math.abs(actual - expected) <= 1e-4 * Math.abs(expected) + 1e-7;
    assert.ok(near(total![0]!, given.total), `total ${total}, not ${given.total}`);
    assert.ok(near(contrast![0]!, given.contrast ?? 0), `contrast ${contrast}, not ${given.contrast}`);
    const counts = rest.slice(0, given.counts.length).map((
      [both, onlyA, onlyB, none],
    ) => [both, onlyA! + onlyB!, none]);
    assert.deepEqual(counts, given.counts);
    for (const [i, [key]] of out.grads.entries()) {
      const grad = rest[given.counts.length + i] as Float32Array;
      if (fixture.has(`${name}.${key}`)) assertClose(key, grad, fixture.floats(`${name}.${key}`));
      else assert.ok(largest(grad) < 1e-7, `gradient ${key} is ${largest(grad)}`);
    }
  });
}

Deno.test("the mean answer of heads is that of their probabilities, or of their numbers", async () => {
  const logits = [[-3, 0.5, 40, -60, 60], [1, 0.5, 40, 60, 60], [2, -0.5, 40, -60, 60]];
  const read = async (task: typeof classification) => {
    const mean = scope(() =>
      task.meanAnswer(logits.map((x) => Tensor.from(gpu, Float32Array.from(x), [1, 5])))
    );
    const values = [...await mean.read()];
    mean.dispose();
    return values;
  };
  const over = (f: (x: number) => number) =>
    logits[0]!.map((_, c) => logits.reduce((sum, x) => sum + f(x[c]!), 0) / 3);
  const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
  const [labels, numbers] = [await read(multiLabel()), await read(regression())];
  for (const [c, p] of over(sigmoid).entries()) {
    assert.ok(Math.abs(sigmoid(labels[c]!) - p) < 1e-6, `${labels}`);
  }
  for (const [c, x] of over((x) => x).entries()) assert.ok(Math.abs(numbers[c]! - x) < 1e-4, `${numbers}`);
});

Deno.test("methods that compare classes refuse other tasks, and name those that do not", () => {
  const features = { kind: "features", name: "a", width: 3 } as const;
  const build = (path: ModulePath) => mlp.build(path, mlp.configure({ input_size: 3 }), { features });
  for (const task of [multiLabel(), regression()]) {
    const refusals = methods().flatMap((method) => {
      if (method.reads !== undefined || method.encoder !== undefined) return [];
      try {
        const config = { method, task, classifier: { classes: 2 } };
        new MultimodalClassifier(new Parameters().root, { a: build, b: build }, config);
        return [];
      } catch (error) {
        assert.match((error as Error).message, /"data.task" is \w+.*those that can are unis-mmc, agg-mm/);
        return [method.name];
      }
    });
    assert.deepEqual(refusals, ["sup-mmc", "huse"]);
  }
  assert.throws(
    () => regression().loss(full(gpu, [1, 1], 0), full(gpu, [1, 1], 0), { focalGamma: 1 }),
    /it has no classes/,
  );
});
