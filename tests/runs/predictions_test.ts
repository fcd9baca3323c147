import assert from "node:assert/strict";
import { reliability } from "../../src/metrics/calibration.ts";
import { NO_ANSWER } from "../../src/runs/answer_cells.ts";
import { type Predictions, predictionsCsv } from "../../src/runs/predictions.ts";
import { readPredictions } from "../../src/runs/predictions.ts";
import { tinyData } from "../train/tiny.ts";

const data = tinyData({ train: 3, validation: 3, test: 4 });
const predictions: Predictions = {
  split: "test",
  labels: Uint32Array.of(0, 1, 2, 0),
  classes: 3,
  predicted: new Map([
    ["image", Uint32Array.of(0, 0, 0, 0)],
    ["fusion", Uint32Array.of(0, 1, 2, 1)],
  ]),
  probabilities: new Map(["image", "fusion"].map((head) => [
    head,
    Float64Array.of(0.5, 0.25, 0.25, 0.25, 0.5, 0.25, 0, 0, 1, 0.125, 0.75, 0.125),
  ])),
};

function withFile<T>(text: string, body: (path: string) => T): T {
  const path = Deno.makeTempFileSync({ suffix: ".csv" });
  try {
    Deno.writeTextFileSync(path, text);
    return body(path);
  } finally {
    Deno.removeSync(path);
  }
}

Deno.test("readPredictions() reads what predictionsCsv() wrote", () => {
  const table = withFile(predictionsCsv(predictions, data), readPredictions);
  assert.deepEqual(table.ids, [0, 1, 2, 3].map((row) => data.id("test", row)));
  assert.deepEqual(table.classes, data.classes);
  assert.deepEqual(table.heads, ["image", "fusion"]);
  assert.deepEqual(table.labels, predictions.labels);
  assert.deepEqual(table.predicted, predictions.predicted);
  assert.deepEqual([...table.confidence], [0.5, 0.5, 1, 0.75]);
});

Deno.test("where a sample lacks the modality of a head, there is neither an answer nor a probability", () => {
  const present = new Map([["image", Uint8Array.of(1, 0, 1, 1)]]);
  const table = withFile(predictionsCsv({ ...predictions, present }, data), readPredictions);
  const { image, fusion } = Object.fromEntries(table.probabilities);
  assert.deepEqual([...image!.subarray(2, 7)], [0.25, NaN, NaN, NaN, 0]);
  assert.deepEqual(fusion, predictions.probabilities.get("fusion"));
  assert.equal(table.predicted.get("image")![1], NO_ANSWER);
  const counted = reliability(table.labels, image!, 3).reduce((sum, { samples }) => sum + samples, 0);
  assert.equal(counted, 3);
});

Deno.test("readPredictions() reads back any name of a class", () => {
  const classes = ['a\n"b"', "p(c), d", "=SUM(1)"];
  const named = {
    ...data,
    classes,
    id: (_: string, row: number) => `"${row}",\r\n`,
  } as unknown as typeof data;
  const table = withFile(predictionsCsv(predictions, named), readPredictions);
  assert.deepEqual(table.classes, classes);
  assert.deepEqual(table.ids, [0, 1, 2, 3].map((row) => `"${row}",\r\n`));
  assert.deepEqual(table.predicted, predictions.predicted);
});

Deno.test("readPredictions() names the file and line of what is wrong", () => {
  const cases: [string, RegExp][] = [
    ["", /first line/],
    ["id,path,name,fusion_class,fusion_p(a)\n", /first line/],
    ["id,path,label,fusion_class\n", /first line/],
    [
      "id,path,label,fusion_class,fusion_p(a),fusion_p(b)\n1,,a,b,.1,.9\n2,,a,c,.1,.9\n",
      /\.csv, line 3: "c" is none of its classes/,
    ],
    ["id,path,label,fusion_class,fusion_p(a),fusion_p(b)\n1,,x,b,.1,.9\n", /\.csv, line 2: "x"/],
  ];
  for (const [text, message] of cases) {
    withFile(text, (path) => assert.throws(() => readPredictions(path), { name: "UserError", message }));
  }
});
