/** Every method, ablation and published quirk of the losses against PyTorch (scripts/fixtures/methods.py). */
import assert from "node:assert/strict";
import { PRESETS } from "../../src/config/presets.ts";
import type { ByModality } from "../../src/models/losses/pairs.ts";
import { computeLosses } from "../../src/models/methods/compute_losses.ts";
import type { ContrastSettings } from "../../src/models/methods/contrast.ts";
import { fuses, type Method } from "../../src/models/methods/method.ts";
import { chooseMethod, methods } from "../../src/models/methods/registry.ts";
import { single } from "../../src/models/methods/single.ts";
import type { HeadOptions } from "../../src/models/tasks/task.ts";
import { backward } from "../../src/ops/backward.ts";
import { full } from "../../src/ops/fill.ts";
import { scope } from "../../src/tensor/scope.ts";
import { readTensors, Tensor } from "../../src/tensor/tensor.ts";
import { microBatchWeight } from "../../src/train/gradient_step.ts";
import { SEMANTICS } from "../../src/config/semantics.ts";
import stored from "../fixtures/methods.json" with { type: "json" };
import { openTestGpu } from "../open_gpu.ts";
import { assertClose, Fixture, largest } from "./fixtures.ts";

const gpu = await openTestGpu();
const fixture = new Fixture("methods");

interface Case {
  method: string;
  options: Partial<ContrastSettings> & { summed?: boolean } & Weighed;
  modalities: number;
  total: number;
  contrast?: number;
  micro_batches?: number[];
  none_right?: boolean;
}

/** How heads weigh samples. */
interface Weighed {
  class_weights?: number[];
  sample_weights?: number[];
  label_smoothing?: number;
  focal_gamma?: number;
}

const weighs = (given: Weighed) =>
  given.class_weights ?? given.sample_weights ?? given.label_smoothing ?? given.focal_gamma;

/** What heads weigh some rows by of a step of all rows, whose loss is the mean of its rows if weights are 1 on average. */
function headOptionsOf(given: Weighed, start: number, end: number): HeadOptions {
  const { class_weights, label_smoothing: labelSmoothing = 0, focal_gamma: focalGamma = 0 } = given;
  const labels = [...fixture.words("labels")];
  const own = given.sample_weights ?? labels.map(() => 1);
  const mean = labels.reduce((sum, label, row) => sum + own[row]! * (class_weights?.[label] ?? 1), 0) /
    labels.length;
  const vector = (values: readonly number[]) => Tensor.from(gpu, Float32Array.from(values), [values.length]);
  return {
    classWeights: class_weights && vector(class_weights),
    rowWeights: vector(own.slice(start, end).map((weight) => weight / mean)),
    labelSmoothing,
    focalGamma,
  };
}

/** Rows start to end of a stored matrix, or of the labels, as a leaf. */
function leaf(name: string, start: number, end: number): Tensor {
  const [rows, width = 1] = fixture.shape(name);
  assert.ok(end <= rows!);
  if (name === "labels") {
    return Tensor.from(gpu, fixture.words(name).slice(start, end), [end - start]);
  }
  return Tensor.from(gpu, fixture.floats(name).slice(start * width, end * width), [end - start, width], true);
}

/** Losses of some rows of a case, and the gradient of `weight` times the total by every leaf, zeros where none comes. */
async function differentiated(method: Method, given: Case, start: number, end: number, weight: number) {
  const { modalities, options: { summed: _, ...options } } = given;
  const logits = given.none_right ? "none.u" : "u";
  const names = Array.from({ length: modalities }, (_, m) => `m${m}`);
  const load = (name: string): ByModality<Tensor> =>
    Object.fromEntries(names.map((key, m) => [key, leaf(`${name}.${m}`, start, end)]));
  const live = gpu.memory.live;
  const out = scope(() => {
    const [representations, unimodalLogits, fused] = [load("r"), load(logits), leaf("f", start, end)];
    const outputs = { representations, unimodalLogits, ...(fuses(method) && { fusedLogits: fused }) };
    const losses = computeLosses(method, outputs, leaf("labels", start, end), {
      temperature: stored.temperature,
      contrastiveWeight: stored.contrastive_weight,
      ...options,
      ...(weighs(options) && { head: headOptionsOf(given.options, start, end) }),
    });
    backward(losses.total, full(gpu, [], weight));
    const leaves = { dr: representations, du: unimodalLogits };
    const named = Object.entries(leaves).flatMap(([key, own]) =>
      Object.values(own).map((x, m) => ({ name: `${key}.${m}`, x }))
    );
    const grads = [...named, { name: "df", x: fused }].map(({ name, x }) => ({
      name,
      grad: x.grad ?? full(gpu, x.shape, 0),
    }));
    return { total: losses.total, contrast: losses.contrastive ?? full(gpu, [], 0), grads };
  });
  const tensors = [out.total, out.contrast, ...out.grads.map(({ grad }) => grad)];
  const [total, contrast, ...grads] = await readTensors(tensors);
  for (const tensor of tensors) tensor.dispose();
  assert.equal(gpu.memory.live, live, "bytes left behind");
  return {
    total: total![0]!,
    contrast: contrast![0]!,
    grads: new Map(out.grads.map(({ name }, i) => [name, grads[i]!])),
  };
}

for (const [name, given] of Object.entries(stored.cases as Record<string, Case>)) {
  Deno.test(`losses and gradients agree with PyTorch: ${name}`, async () => {
    const { summed = false } = given.options;
    const names = Array.from({ length: given.modalities }, (_, m) => `m${m}`);
    const method = given.method === single.name ? single : chooseMethod(given.method, names).method;
    const semantics = { ...SEMANTICS.paper, summed_accumulation: summed };
    const all = fixture.shape("labels")[0]!;
    let total = 0, start = 0;
    const found = new Map<string, number[]>();
    for (const size of given.micro_batches ?? [all]) {
      const weight = microBatchWeight(size, all, { semantics, training: PRESETS.emoji.training });
      const part = await differentiated(method, given, start, start + size, weight);
      total += weight * part.total;
      for (const [key, grad] of part.grads) found.set(key, [...found.get(key) ?? [], ...grad]);
      if (given.contrast !== undefined) {
        const error = Math.abs(part.contrast - given.contrast);
        assert.ok(error <= 1e-4 * given.contrast, `contrast ${part.contrast}, not ${given.contrast}`);
      }
      start += size;
    }
    assert.ok(Math.abs(total - given.total) <= 1e-4 * given.total, `total ${total}, not ${given.total}`);
    let compared = 0;
    for (const [key, grad] of found) {
      const isStored = fixture.has(`${name}.${key}`);
      // What has no gradient at all has exactly none; a contrast that is 0 leaves no more than rounding.
      if (!isStored) assert.ok(largest(grad) <= 1e-6, `gradient ${key} is ${largest(grad)}, not 0`);
      else {
        assertClose(`gradient ${key}`, grad, fixture.floats(`${name}.${key}`));
        compared++;
      }
    }
    assert.ok(compared > 0);
  });
}

Deno.test("the fixture has every method", () => {
  const covered = new Set(Object.values(stored.cases).map(({ method }) => method));
  // The loss of huse takes what its architecture holds: see huse_test.ts.
  // Joint systems have no losses of their own: see joint_test.ts.
  const others = methods().filter(({ name, reads }) => name !== "huse" && reads === undefined);
  assert.deepEqual(covered, new Set([...others, single].map(({ name }) => name)));
});
