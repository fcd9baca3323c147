import assert from "node:assert/strict";
import { type CheckedPredictions, evaluate } from "../../src/train/evaluation.ts";
import { predictionsCsv } from "../../src/runs/predictions.ts";
import { tinyData } from "./tiny.ts";

const data = tinyData({ train: 3, validation: 3, test: 4 });
const predictions: CheckedPredictions = {
  split: "test",
  labels: Uint32Array.of(0, 1, 2, 0),
  classes: 3,
  predicted: new Map([
    ["image", Uint32Array.of(0, 0, 0, 0)],
    ["text", Uint32Array.of(0, 1, 0, 1)],
    ["fusion", Uint32Array.of(0, 1, 2, 1)],
  ]),
  probabilities: new Map(["image", "text", "fusion"].map((head) => [
    head,
    Float64Array.of(0.5, 0.25, 0.25, 0.25, 0.5, 0.25, 0, 0, 1, 0.125, 0.75, 0.125),
  ])),
  notFinite: new Map([["image", 0], ["text", 0], ["fusion", 0]]),
};

Deno.test("evaluate() measures every head and pair", () => {
  const { accuracy, macro_f1, loss, pairs, samples, epoch, split } = evaluate(predictions, 6, [[
    "image",
    "text",
  ]]);
  assert.deepEqual({ samples, epoch, split }, { samples: 4, epoch: 6, split: "test" });
  assert.deepEqual(accuracy, { image: 0.5, text: 0.5, fusion: 0.75 });
  assert.ok(Math.abs(macro_f1!.fusion! - (2 / 3 + 2 / 3 + 1) / 3) < 1e-12);
  assert.ok(Math.abs(loss.fusion! + (2 * Math.log(0.5) + Math.log(0.125)) / 4) < 1e-12);
  assert.deepEqual(pairs, { "image-text": { positive: 0.25, semi_positive: 0.5, negative: 0.25 } });
  assert.ok(!("not_finite" in evaluate(predictions, 6, [])), "all logits are finite");
  const notFinite = new Map([["image", 0], ["text", 3]]);
  assert.deepEqual(evaluate({ ...predictions, notFinite }, 6, []).not_finite, { image: 0, text: 3 });
});

Deno.test("evaluate() gives the measures that the number of classes allows", () => {
  const keysOf = (classes: number, labels: number[]) => {
    const probabilities = new Float64Array(labels.length * classes).fill(1 / classes);
    const evaluation = evaluate(
      {
        split: "test",
        labels: Uint32Array.from(labels),
        classes,
        predicted: new Map([["fusion", new Uint32Array(labels.length)]]),
        probabilities: new Map([["fusion", probabilities]]),
      },
      1,
      [],
    );
    return ["top_2", "top_5", "weighted_f1", "auc"].filter((key) => key in evaluation);
  };
  assert.deepEqual(keysOf(2, [0, 1]), ["weighted_f1", "auc"]);
  assert.deepEqual(keysOf(2, [1, 1]), ["weighted_f1"]);
  assert.deepEqual(keysOf(3, [0, 1]), ["top_2", "weighted_f1"]);
  assert.deepEqual(keysOf(6, [0, 1]), ["top_2", "top_5", "weighted_f1"]);
});

Deno.test("predictionsCsv() quotes names and gives the probabilities of every head", () => {
  const lines = predictionsCsv(predictions, data).split("\n");
  const shares = ["image", "text", "fusion"].map((head) =>
    `${head}_p(warm),"${head}_p(fresh, green)",${head}_p(cold)`
  );
  assert.equal(lines[0], `id,path,label,image_class,text_class,fusion_class,${shares.join(",")}`);
  assert.match(lines[4]!, /^"test, ""3""",,warm,warm,"fresh, green","fresh, green",/);
  assert.match(lines[4]!, /,0\.125000,0\.750000,0\.125000$/);
  assert.equal(
    lines[4]!.split(",").length,
    6 + 2 + 9 + 1,
    "two quoted classes and one quoted id hold a comma",
  );
  assert.equal(lines.length, 6);
  assert.equal(lines[5], "");
});
