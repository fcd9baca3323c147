import assert from "node:assert/strict";
import { reliability } from "../../src/metrics/calibration.ts";
import { NO_ANSWER } from "../../src/runs/answer_cells.ts";
import {
  answeredBy,
  answersByHead,
  type Predictions,
  predictionsCsv,
  predictionsOf,
  readPredictions,
  saidAt,
  textAt,
} from "../../src/runs/predictions.ts";
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

/** As `predictions`, where a head answers any of two labels, and the first sample lacks its modality. */
const labelled: Predictions = {
  split: "test",
  task: "multi_label",
  labels: Uint32Array.of(1, 0, 1, 1, 0, 0),
  classes: 2,
  predicted: new Map([["image", Uint32Array.of(0, 0, 1, 0, 0, 0)], [
    "fusion",
    Uint32Array.of(1, 0, 0, 1, 0, 0),
  ]]),
  probabilities: new Map([
    ["image", Float64Array.of(0.5, 0.5, 0.75, 0.125, 0.25, 0)],
    ["fusion", Float64Array.of(0.875, 0.25, 0.5, 1, 0, 0.125)],
  ]),
  right: new Map([["image", Uint8Array.of(0, 1, 1)], ["fusion", Uint8Array.of(1, 0, 1)]]),
  present: new Map([["image", Uint8Array.of(0, 1, 1)]]),
};
const ofClasses = (classes: readonly string[]) =>
  ({ ...data, classes, id: (_: string, row: number) => `${row}` }) as unknown as typeof data;

Deno.test("labels are read as they were written: answers, which are right, and who had something to say", () => {
  const classes = ["a|b", "c"];
  const table = withFile(predictionsCsv(labelled, ofClasses(classes)), readPredictions);
  assert.equal(table.task, "multi_label");
  assert.deepEqual(table.classes, classes);
  assert.deepEqual(table.labels, labelled.labels);
  assert.deepEqual(table.predicted, labelled.predicted);
  assert.deepEqual(table.right, labelled.right);
  assert.deepEqual(table.present!.get("image"), labelled.present!.get("image"));
  assert.deepEqual(table.present!.get("fusion"), Uint8Array.of(1, 1, 1));
  const shares = labelled.probabilities.get("image")!;
  assert.deepEqual(table.probabilities.get("image"), shares.map((p, i) => i < 2 ? NaN : p));
  assert.deepEqual(table.probabilities.get("fusion"), labelled.probabilities.get("fusion"));
  assert.deepEqual(table.confidence, Float64Array.of((0.875 + 0.75) / 2, 0.75, (1 + 0.875) / 2));
  const said = [0, 1, 2].map((row) => saidAt(table, "image", row));
  assert.deepEqual(said, [undefined, "a\\|b", ""]);
  assert.equal(textAt(table, table.labels, 1), "a\\|b|c");
});

Deno.test("numbers are read as they were written, without probabilities", () => {
  const regression: Predictions = {
    split: "test",
    task: "regression",
    labels: Float64Array.of(1.5, -2, 1e-7),
    classes: 1,
    predicted: new Map([["text", Float64Array.of(1.25, NaN, 3)], ["fusion", Float64Array.of(0.1, -4, 1e21)]]),
    probabilities: new Map(),
    right: new Map([["text", Uint8Array.of(1, 0, 0)], ["fusion", Uint8Array.of(0, 0, 1)]]),
  };
  const table = withFile(predictionsCsv(regression, ofClasses(["value"])), readPredictions);
  assert.equal(table.task, "regression");
  assert.deepEqual(table.classes, ["value"]);
  assert.deepEqual(table.heads, ["text", "fusion"]);
  assert.deepEqual(table.labels, regression.labels);
  assert.deepEqual(table.predicted, regression.predicted);
  assert.deepEqual(table.probabilities, regression.predicted);
  assert.deepEqual(table.right, regression.right);
  assert.equal(table.present, undefined);
  assert.deepEqual(table.confidence, new Float64Array(3));
  assert.equal(saidAt(table, "text", 0), "1.25");
});

Deno.test("predictions for some samples are those of these, and a head answers for those that have its modality", () => {
  const some = predictionsOf(labelled, [2, 1]);
  assert.deepEqual(some, {
    ...labelled,
    labels: Uint32Array.of(0, 0, 1, 1),
    predicted: new Map([["image", Uint32Array.of(0, 0, 1, 0)], ["fusion", Uint32Array.of(0, 0, 0, 1)]]),
    probabilities: new Map([
      ["image", Float64Array.of(0.25, 0, 0.75, 0.125)],
      ["fusion", Float64Array.of(0, 0.125, 0.5, 1)],
    ]),
    right: new Map([["image", Uint8Array.of(1, 1)], ["fusion", Uint8Array.of(1, 0)]]),
    present: new Map([["image", Uint8Array.of(1, 1)]]),
  });
  assert.deepEqual(Object.keys(predictionsOf(predictions, [0])).sort(), Object.keys(predictions).sort());
  assert.deepEqual(answeredBy(labelled, "image"), [1, 2]);
  assert.deepEqual(answeredBy(labelled, "fusion"), [0, 1, 2]);
  assert.deepEqual(answeredBy(labelled, "fusion", "image"), [1, 2]);
  const { image, fusion } = Object.fromEntries(answersByHead(labelled));
  assert.deepEqual(image!.labels, Uint32Array.of(1, 1, 0, 0));
  assert.deepEqual(image!.probabilities, Float64Array.of(0.75, 0.125, 0.25, 0));
  assert.deepEqual(image!.right, Uint8Array.of(1, 1));
  assert.deepEqual(fusion!.right, Uint8Array.of(1, 0, 1));
  // A head that nobody has something for says nothing; of no samples at all each says that.
  const silent = { ...labelled, present: new Map([["image", new Uint8Array(3)]]) };
  assert.deepEqual([...answersByHead(silent).keys()], ["fusion"]);
  assert.deepEqual([...answersByHead(predictionsOf(labelled, [])).keys()], ["image", "fusion"]);
});

Deno.test("a class that is not told to be right is right where it is the label", () => {
  const { image } = Object.fromEntries(answersByHead(predictions));
  assert.deepEqual(image!.right, Uint8Array.of(1, 0, 0, 1));
  const table = withFile(
    predictionsCsv({ ...predictions, present: new Map([["image", Uint8Array.of(1, 0, 1, 1)]]) }, data),
    readPredictions,
  );
  assert.equal(table.task, undefined);
  assert.equal(table.right, undefined);
  assert.equal(saidAt(table, "image", 1), undefined);
  assert.equal(saidAt(table, "fusion", 1), data.classes[1]);
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
    ["id,path,label,a_class,b_class,a_p(a),b_p(a),b_p(b)\n", /first line/],
    [
      "id,path,label,fusion_labels,fusion_right,fusion_p(a)\n1,,a|b,a,1,.9\n",
      /line 2: "a\|b" is none of its/,
    ],
    ["id,path,label,fusion_value,fusion_right\n1,,,2,1\n", /\.csv, line 2: "" is no number/],
    ["id,path,label,fusion_value,fusion_right\n1,,1,two,1\n", /\.csv, line 2: "two" is no number/],
  ];
  for (const [text, message] of cases) {
    withFile(text, (path) => assert.throws(() => readPredictions(path), { name: "UserError", message }));
  }
});
