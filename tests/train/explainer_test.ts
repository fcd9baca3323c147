// Shares of modalities as a whole model has them: what says nothing new has none, and what cannot be told is refused.
import assert from "node:assert/strict";
import { UserError } from "../../src/base/user_error.ts";
import type { Batch } from "../../src/data/batch.ts";
import { argmaxRows, softmaxRows } from "../../src/metrics/metrics.ts";
import type { MeanRepresentations } from "../../src/runs/mean_representations.ts";
import { Explainer, type Told } from "../../src/train/explainer.ts";
import { Learner } from "../../src/train/learner.ts";
import { meanRepresentations } from "../../src/train/mean_representations.ts";
import { Predictor } from "../../src/train/predictor.ts";
import { represent } from "../../src/train/representations.ts";
import { capture } from "../../src/tensor/scope.ts";
import { noGrad } from "../../src/tensor/tape.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { openTestGpu } from "../open_gpu.ts";
import { SETTINGS } from "./joint_settings.ts";
import { tinyConfig, tinyData } from "./tiny.ts";

const gpu = await openTestGpu();
const data = tinyData({ train: 6, validation: 12, test: 4 });
const batch = await data.batch("test", Uint32Array.of(0, 1, 2, 3));

/** A model of a method with random weights. */
async function predictorOf(method: string, ...settings: string[]): Promise<Predictor> {
  const config = tinyConfig(`method=${method}`, ...SETTINGS[method] ?? [], ...settings);
  const learner = new Learner(gpu, config, data);
  const predictor = new Predictor(gpu, config, data);
  predictor.writeWeights(await learner.readWeights(), "learner");
  learner.dispose();
  return predictor;
}

for (const method of ["unis-mmc", "agg-mm", "late-fusion", "huse"]) {
  Deno.test(`shares by ${method} are between means and samples: a modality that is at its mean has none`, async () => {
    const model = await predictorOf(method);
    const live = gpu.memory.live;
    const means = (await meanRepresentations(model, data))!;
    assert.deepEqual([...means.keys()], ["image", "text"]);
    const explained = (means: MeanRepresentations, temperature = 1) =>
      new Explainer({ model, modalities: [], means, temperatures: { fusion: temperature } }).explain(batch);
    const logits = capture<Record<string, Tensor>>(() => noGrad(() => model.logits(batch)));
    const own = await logits.fusion!.read() as Float32Array;
    for (const tensor of Object.values(logits)) tensor.dispose();
    const answers = argmaxRows(own, 3);
    for (const temperature of [1, 3]) {
      const probabilities = softmaxRows(own.map((logit) => logit / temperature), 3);
      const all = await explained(means, temperature);
      for (const [row, { told: [said] }] of all.entries()) {
        const { answer, value: probability, base, shares } = said!;
        assert.equal(answer, answers[row]);
        assert.ok(Math.abs(probability - probabilities[3 * row + answer]!) < 1e-6);
        assert.ok(Math.abs(base! + shares!.image! + shares!.text! - probability) < 1e-12);
        assert.ok(Math.abs(shares!.image!) > 1e-9 && Math.abs(shares!.text!) > 1e-9);
      }
    }
    const vectors = await represent(model, data, "test", Uint32Array.of(1));
    const at = (name: string) => Float32Array.from(vectors.get(name)![0]!);
    const [, second] = await explained(new Map([...means, ["image", at("image")]]));
    assert.equal(second!.told[0]!.shares!.image, 0);
    assert.ok(Math.abs(second!.told[0]!.shares!.text!) > 1e-9);
    const [, nothing] = await explained(new Map([["image", at("image")], ["text", at("text")]]));
    const [{ shares, base, value }] = nothing!.told as [Told];
    assert.deepEqual([shares, base], [{ image: 0, text: 0 }, value]);
    assert.equal(gpu.memory.live, live, "bytes left behind");
    model.dispose();
  });
}

for (const method of ["unis-mmc", "late-fusion"]) {
  Deno.test(`where samples may lack modalities, ${method} shares by what is there, and what is not has none`, async () => {
    const model = await predictorOf(method, "data.missing=learned");
    assert.equal(await meanRepresentations(model, data), undefined);
    const explainer = new Explainer({ model, modalities: [], means: undefined, temperatures: {} });
    assert.ok(explainer.hasShares);
    const answers = async (batch: Batch) => {
      const logits = capture<Record<string, Tensor>>(() => noGrad(() => model.logits(batch)));
      const own = softmaxRows(await logits.fusion!.read() as Float32Array, 3);
      for (const tensor of Object.values(logits)) tensor.dispose();
      return own;
    };
    const alone = (name: string) =>
      answers(without(batch, name === "image" ? "text" : "image", [0, 1, 2, 3]));
    const [whole, image, text] = [await answers(batch), await alone("image"), await alone("text")];
    for (const [row, { told: [said] }] of (await explainer.explain(batch)).entries()) {
      const { answer, value: probability, base, shares } = said!;
      const [both, first, second] = [whole, image, text].map((own) => own[3 * row + answer]!) as [
        number,
        number,
        number,
      ];
      if (method === "late-fusion") assert.ok(Math.abs(base! - 1 / 3) < 1e-6);
      assert.ok(Math.abs(probability - both) < 1e-6);
      assert.ok(Math.abs(shares!.image! - (first - base! + both - second) / 2) < 1e-6);
      assert.ok(Math.abs(shares!.text! - (second - base! + both - first) / 2) < 1e-6);
    }
    const some = without(batch, "image", [1, 3]);
    for (const [row, { told, patches, tokens }] of (await explainer.explain(some)).entries()) {
      const lacks = row % 2 === 1;
      assert.equal(told[0]!.shares!.image === 0, lacks);
      assert.equal(patches.image!.weights.length, lacks ? 0 : 4);
      assert.deepEqual(Object.keys(tokens), ["text"]);
    }
    assert.ok(
      (await explainer.explain(without(batch, "image", [0, 1, 2, 3]))).every(({ patches }) =>
        patches.image!.weights.length === 0
      ),
    );
    model.dispose();
  });
}

/** The batch, of which some samples lack a modality. */
function without(batch: Batch, name: "image" | "text", rows: readonly number[]): Batch {
  const input = batch.modalities[name]!;
  const has = Array.from({ length: batch.size }, (_, row) => row).filter((row) => !rows.includes(row));
  const of = <T extends Uint8Array | Uint32Array>(all: T): T => {
    const width = all.length / batch.size;
    return (all.constructor as unknown as { from(values: number[]): T }).from(
      has.flatMap((row) => [...all.subarray(row * width, (row + 1) * width)]),
    );
  };
  const present = Uint32Array.from({ length: batch.size }, (_, row) => Number(has.includes(row)));
  const arrays = input.kind === "image"
    ? { ...input, pixels: of(input.pixels) }
    : input.kind === "text"
    ? { ...input, ids: of(input.ids), mask: of(input.mask) }
    : input;
  return { ...batch, modalities: { ...batch.modalities, [name]: { ...arrays, present } } };
}

Deno.test("what has no representations of modalities has no explanation, and says why", async () => {
  for (
    const [method, why] of [["mmbt", /mmbt: modalities meet within/], [
      "vilt",
      /vilt: .* reads image and text/,
    ]] as const
  ) {
    const model = await predictorOf(method);
    assert.throws(
      () => new Explainer({ model, modalities: [], means: undefined, temperatures: {} }),
      (error) => error instanceof UserError && why.test(error.message),
    );
    assert.equal(await meanRepresentations(model, data), undefined);
    model.dispose();
  }
});

Deno.test("the weights of patches are those of the last tokens, and sum to one", async () => {
  const model = await predictorOf("unis-mmc");
  const explainer = new Explainer({ model, modalities: [], means: undefined, temperatures: {} });
  const explained = await explainer.explain(batch);
  const { rollouts, logits } = capture(() => noGrad(() => model.explain(batch, false)));
  const tokens = await rollouts.image!.read() as Float32Array; // [samples, a token and four patches]
  for (const tensor of [...Object.values(rollouts), ...Object.values(logits)]) tensor.dispose();
  for (const [row, { patches }] of explained.entries()) {
    const own = [...tokens.subarray(5 * row + 1, 5 * row + 5)];
    const sum = own.reduce((a, b) => a + b);
    patches.image!.weights.forEach((weight, i) => assert.ok(Math.abs(weight - own[i]! / sum) < 1e-6));
  }
  model.dispose();
});

Deno.test("without means, and of a single modality, there are weights and no shares", async () => {
  for (const method of ["unis-mmc", "image"]) {
    const model = await predictorOf(method);
    const explainer = new Explainer({ model, modalities: [], means: undefined, temperatures: {} });
    const [first] = await explainer.explain(batch);
    assert.deepEqual([explainer.hasShares, first!.modalities], [false, []]);
    assert.deepEqual(Object.keys(first!.told[0]!), ["answer", "value"]);
    assert.equal(first!.patches.image!.weights.length, 4);
    model.dispose();
  }
});
