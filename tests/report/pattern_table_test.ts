/** The table of measures by modalities has those of the task, as the tables beside it call and write them. */
import assert from "node:assert/strict";
import { patternsOf } from "../../src/train/evaluate_patterns.ts";
import { patternTable } from "../../src/report/pattern_table.ts";
import type { Evaluation, PatternEvaluation } from "../../src/runs/records.ts";

const CASES: readonly [task: string, measures: object, titles: string[], cells: string[]][] = [
  ["classification", { macro_f1: { text: 0.25 } }, ["text accuracy", "text macro F1"], [".500", ".250"]],
  ["multi_label", { macro_f1: { text: 0.25 } }, ["text sets right", "text macro F1"], [".500", ".250"]],
  ["regression", { mae: { text: 12.3456 } }, ["text within tolerance", "text MAE"], [".500", "12.35"]],
];

Deno.test("patternTable() shows two measures of each task", () => {
  for (const [task, measures, titles, cells] of CASES) {
    const one = {
      modalities: ["text"],
      samples: 1200,
      accuracy: { text: 0.5 },
      loss: { text: 1 },
      ...measures,
    };
    const evaluation = { ...one, task, patterns: [one as PatternEvaluation] } as unknown as Evaluation;
    assert.deepEqual(patternTable(evaluation), {
      header: ["modalities", "samples", ...titles],
      rows: [["has text", "1,200", ...cells]],
    }, task);
  }
});

Deno.test("patternsOf() measures numbers by their distance, of the samples that have the same", () => {
  const predicted = new Map([["image", Float64Array.of(9, 9, 9, 9)], [
    "fusion",
    Float64Array.of(1, 2, 5, 8),
  ]]);
  const patterns = patternsOf({
    split: "test",
    task: "regression",
    labels: Float64Array.of(1, 2, 3, 4),
    classes: 1,
    scale: { mean: 0, std: 1 },
    predicted,
    probabilities: predicted,
    present: new Map([["image", Uint8Array.of(1, 1, 0, 0)]]),
  });
  assert.deepEqual(patterns?.map(({ modalities, mae }) => [modalities, mae]), [
    [["image"], { image: 7.5, fusion: 0 }],
    [[], { fusion: 3 }],
  ]);
});
