/** `model.lora`: what learns, what is kept, and what it takes. */
import assert from "node:assert/strict";
import { isAdapter } from "../../src/nn/low_rank.ts";
import { RunFolder } from "../../src/runs/run_folder.ts";
import { Learner } from "../../src/train/learner.ts";
import { planMemory } from "../../src/train/memory_plan.ts";
import { mergeAdapters } from "../../src/train/kept_weights.ts";
import { Predictor } from "../../src/train/predictor.ts";
import { train } from "../../src/train/trainer.ts";
import { scope } from "../../src/tensor/scope.ts";
import { readTensors, type Tensor } from "../../src/tensor/tensor.ts";
import { openTestGpu } from "../open_gpu.ts";
import { relativeError } from "../ops/table.ts";
import { silent, tinyConfig, tinyData } from "./tiny.ts";

const gpu = await openTestGpu();
const data = tinyData({ train: 24, validation: 9, test: 6 });
const LORA = ["model.lora.rank=2", 'model.lora.targets=["*.query","*.value","text.*.dense"]'];
const config = tinyConfig(...LORA, "training.epochs=2");

Deno.test("adapters and heads learn, all else stays, and what is kept of a run has the adapters merged", async () => {
  const folder = Deno.makeTempDirSync();
  const learner = new Learner(gpu, config, data);
  const run = RunFolder.create(folder, config);
  const before = await learner.readWeights();
  await train({ learner, data, run, observer: silent() });
  const after = await learner.readWeights();
  const same = [...before].filter(([name, { data }]) => data.every((x, i) => x === after.get(name)!.data[i]))
    .map(([name]) => name);
  const base = [...before.keys()].filter((name) => !name.startsWith("heads.") && !isAdapter(name));
  assert.deepEqual(same, base);
  const adapters = [...before.keys()].filter(isAdapter);
  // Queries and values of both encoders, and three dense layers of the text encoder.
  assert.equal(adapters.length, 2 * (2 + 2 + 3));

  const predictor = new Predictor(gpu, config, data);
  const kept = await learner.kept(after);
  assert.deepEqual([...kept.keys()], [...before.keys()].filter((name) => !isAdapter(name)));
  assert.deepEqual([...run.checkpoints.loadBest().weights.keys()], [...kept.keys()].toSorted());
  predictor.writeWeights(kept, "merged");
  const batch = await data.batch("test", Uint32Array.of(0, 1, 2, 3, 4, 5));
  const answers = async (model: { logits(of: typeof batch): Record<string, Tensor> }) =>
    (await readTensors(scope(() => Object.values(model.logits(batch))))) as Float32Array[];
  const [unmerged, merged] = [await answers(learner), await answers(predictor)];
  unmerged.forEach((own, i) => assert.ok(relativeError(merged[i]!, own) < 1e-5));
  // Adapters matter: without what they learned, answers are others.
  predictor.writeWeights(
    new Map([...kept].map(([name, own]) => [name, base.includes(name) ? before.get(name)! : own])),
    "without",
  );
  const without = await answers(predictor);
  assert.ok(unmerged.every((own, i) => relativeError(without[i]!, own) > 1e-3));
  // The learner takes the merged weights, too.
  learner.writeWeights(kept, "merged");
  (await answers(learner)).forEach((own, i) => assert.deepEqual(own, merged[i]));
  predictor.dispose();
  learner.dispose();
  Deno.removeSync(folder, { recursive: true });
});

Deno.test("a merged weight is W + alpha / rank B A", () => {
  const of = (shape: number[], ...values: number[]) => ({ shape, data: Float32Array.from(values) });
  const merged = mergeAdapters(
    new Map([
      ["a.weight", of([2, 3], 1, 2, 3, 4, 5, 6)],
      ["a.bias", of([2], 1, 1)],
      ["a.lora_A.weight", of([1, 3], 1, 0, -1)],
      ["a.lora_B.weight", of([2, 1], 2, 10)],
    ]),
    { rank: 1, alpha: 0.5 },
  );
  assert.deepEqual([...merged.keys()], ["a.weight", "a.bias"]);
  assert.deepEqual([...merged.get("a.weight")!.data], [2, 2, 2, 9, 5, 1]);
});

Deno.test("the plan has gradients and moments of adapters and heads alone", () => {
  const learner = new Learner(gpu, config, data);
  const whole = planMemory(gpu, learner.config, data);
  const plain = planMemory(gpu, { ...learner.config, model: { ...config.model, lora: undefined } }, data);
  assert.ok(whole.gradients < plain.gradients && whole.weights > plain.weights);
  assert.equal(whole.moments, 2 * whole.gradients);
  const { frozen, parameters } = learner.plan(data);
  const all = Object.values(parameters).reduce((sum, count) => sum + count, 0);
  // Padding aside, which is up to 63 values of each parameter.
  assert.ok(whole.gradients >= 4 * (all - frozen) && whole.gradients < 4 * (all - frozen) + 4 * 64 * 40);
  learner.dispose();
});

Deno.test("targets that match nothing are refused with what layers are called", () => {
  assert.throws(
    () => new Learner(gpu, tinyConfig('model.lora.targets=["*.q_proj"]'), data),
    /UserError: "model\.lora\.targets" is \*\.q_proj, which no linear layer of an encoder matches; names .* like "image\..*query" and "text\..*", and \* stands/,
  );
  assert.throws(() => tinyConfig("model.lora.rank=0"), /"model\.lora\.rank" must be at least 1, got 0/);
});
