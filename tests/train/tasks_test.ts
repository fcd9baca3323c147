/** Runs that tell labels or numbers, from a table to predictions: they learn, are told and read back, and go on as they were. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { exportRun } from "../../src/app/export_run.ts";
import { OpenRun } from "../../src/app/open_run.ts";
import { PredictServer } from "../../src/app/serve/server.ts";
import { reportRun, viewRun } from "../../src/report/html/run_report.ts";
import { runSection } from "../../src/report/html/run_section.ts";
import { SampleStore } from "../../src/report/html/samples.ts";
import { Explanations } from "../../src/app/predict/explanations.ts";
import { predictTable } from "../../src/app/predict/predict_table.ts";
import { PredictSession } from "../../src/app/predict/session.ts";
import { answerWriter } from "../../src/app/predict/writers.ts";
import { readPredictions, rightOf } from "../../src/runs/predictions.ts";
import { RunFolder } from "../../src/runs/run_folder.ts";
import { evaluateRun, resume, type Table, trainOnTable, writeTable } from "../app/small_runs.ts";
import { temporaryFolder } from "../io/crafted.ts";
import { openTestGpu } from "../open_gpu.ts";
import { generator } from "../ops/table.ts";

const gpu = await openTestGpu();
const LIMITS = { maxBatch: 4, maxQueue: 8, wait: 1, maxBody: 1e6, maxPixels: 1e6, maxText: 100 };

/** Two modalities of numbers, of which each tells a part of the target. */
const SETTINGS = [
  'data.modalities={"left":{"features":["a","b"]},"right":{"features":["c","d"]}}',
  ...["left", "right"].map((name) => `model.encoders.${name}.hidden_size=16`),
  ...["left", "right"].map((name) => `model.encoders.${name}.hidden_dropout_prob=0`),
  "model.head.dropout=0",
  "training.epochs=12",
  "training.batch=16",
  "training.micro_batch=16",
  "optimizer.warmup_steps=0",
  "optimizer.encoder_learning_rate=5e-3",
  "optimizer.head_learning_rate=5e-3",
];
const TASKS = {
  multi_label: [
    "data.task=multi_label",
    "data.label=tags",
    'data.labels_separator=" "',
    "training.metric=micro_f1",
  ],
  regression: ["data.task=regression", "data.label=price", "training.metric=rmse", "training.tolerance=2"],
};

function rowsOf(count: number): Table {
  const random = generator(7);
  return [
    ["a", "b", "c", "d", "tags", "price"],
    ...Array.from({ length: count }, () => {
      const [a, b, c, d] = Array.from({ length: 4 }, () => random() - 0.5) as [
        number,
        number,
        number,
        number,
      ];
      const tags = [a > 0 && "ann", b + c > 0 && "bob", d > 0 && "cid"].filter((tag) => tag !== false);
      return [...[a, b, c, d].map((x) => x.toFixed(4)), tags.join(" "), (50 + 10 * a - 20 * d).toFixed(3)];
    }),
  ];
}

const classesOf = (labels: { class: string }[]) => labels.map((one) => one.class).toSorted();

for (const [task, own] of Object.entries(TASKS)) {
  Deno.test(`a run of ${task} learns, and is told, read and gone on with as it was`, async () => {
    using folder = temporaryFolder();
    writeTable(join(folder.path, "items.csv"), rowsOf(160));
    const run = await trainOnTable(gpu, folder.path, [...SETTINGS, ...own]);
    const { evaluation, numbers, notes } = await evaluateRun(gpu, run);
    assert.deepEqual(notes, []);
    assert.equal(evaluation.task, task);
    const { accuracy, micro_f1, average_precision, r2, rmse, pairs } = evaluation;
    if (task === "multi_label") {
      assert.ok(micro_f1!.fusion! > 0.8 && average_precision!.fusion! > 0.8, numbers);
    } else assert.ok(r2!.fusion! > 0.8 && rmse!.fusion! < 3 && rmse!.fusion! < rmse!.left!, numbers);
    // Both modalities, one or none are right about every sample.
    const { positive, semi_positive, negative } = pairs["left-right"]!;
    assert.ok(Math.abs(positive + semi_positive + negative - 1) < 1e-12 && semi_positive > 0);
    assert.ok(Math.abs(positive + semi_positive / 2 - (accuracy.left! + accuracy.right!) / 2) < 1e-12);

    // Probabilities of labels are calibrated; numbers are none.
    const { temperatures } = RunFolder.open(run).checkpoints.loadBest();
    assert.deepEqual(Object.keys(evaluation.calibration ?? {}).length > 0, task === "multi_label");
    assert.deepEqual("fusion" in temperatures, task === "multi_label");

    const table = readPredictions(join(run, "predictions.csv"));
    assert.deepEqual([table.task, table.heads], [task, ["left", "right", "fusion"]]);
    const share = rightOf(table, "fusion").reduce((sum, one) => sum + one, 0) / table.ids.length;
    assert.equal(share, accuracy.fusion);

    // The rows of the table itself, by what the run keeps: the measures of the test rows are among them.
    using session = await PredictSession.begin(run, "auto");
    const lines: string[] = [];
    const found = await predictTable(session, join(folder.path, "items.csv"), {
      skipBad: false,
      writer: answerWriter("jsonl", { task: session.task, classes: session.classes, top: 1, all: false }),
      print: (text) => lines.push(text),
    });
    assert.equal(found.evaluation!.samples, 160);
    assert.ok(found.evaluation!.accuracy.fusion! > 0.3);
    const place = Number(table.ids[0]) - 2; // the header is line 1
    const { predictions: { fusion } } = JSON.parse(lines.join("").split("\n")[place]!);
    const said = table.predicted.get("fusion")!;
    if (task === "regression") assert.ok(Math.abs(fusion - said[0]!) < 1e-3);
    else {
      assert.deepEqual(classesOf(fusion), table.classes.filter((_, k) => said[k] === 1));
    }

    // The server says the same.
    using server = new PredictServer(session, { ...LIMITS, note: () => {} });
    const rows = rowsOf(160);
    const values = rows[place + 1]!.map(Number);
    const response = await server.app.request("/predict", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ left: values.slice(0, 2), right: values.slice(2, 4) }),
    });
    const { answers: [answer] } = await response.json();
    if (task === "regression") assert.ok(Math.abs(answer.predictions.fusion - fusion) < 1e-3);
    else assert.deepEqual(classesOf(answer.predictions.fusion), classesOf(fusion));
    assert.deepEqual(
      Object.keys(answer),
      task === "regression" ? ["predictions"] : ["predictions", "probabilities"],
    );

    // Reports draw what the task has, and exports say what logits are.
    const { dataset: data } = await (await OpenRun.open(run)).openData("test", () => {});
    const explainer = () => Promise.resolve(session.explainer(session.temperatures));
    const report = await reportRun(viewRun(run, "run"), { model: session.model, data, explainer }, {
      samples: new SampleStore(),
      most: 10,
      seed: 1,
    });
    const [figure, told] = task === "regression" ? ["run-numbers", "a number"] : ["run-f1", "3 labels"];
    assert.ok(report.figures.some(({ name }) => name === figure), figure);
    assert.equal(report.figures.some(({ name }) => name === "run-reliability"), task === "multi_label");
    const { drawn, right, wrong } = report.explained!;
    assert.deepEqual([drawn.length, right.length], [10, 6]);
    const isRight = rightOf(table, "fusion");
    for (const { row } of right) assert.equal(isRight[row], 1);
    for (const { row } of wrong) assert.equal(isRight[row], 0);
    const why = runSection(report, new SampleStore(), false).text;
    assert.match(why, task === "regression" ? /<h3>Nearest<\/h3>/ : /<h3>Right with most confidence<\/h3>/);
    assert.match(why, /<p>[^<]*\d = [\d.]+ [+−] [\d.]+ left [+−] [\d.]+ right<\/p>/);
    assert.match(
      runSection(report, new SampleStore(), false).text,
      new RegExp(`table, ${told}; 112 training`),
    );
    const out = join(folder.path, "onnx");
    await exportRun(run, out, { format: "onnx" });
    const described = JSON.parse(Deno.readTextFileSync(join(out, "preprocessing.json")));
    assert.equal(described.task, task);
    assert.equal(typeof described.scale?.std, task === "regression" ? "number" : "undefined");
    assert.match(
      Deno.readTextFileSync(join(out, "README.md")),
      task === "regression"
        ? /Tells the number price by left and right/
        : /Tells which of 3 labels a sample has by left and right/,
    );

    // Each label that is given, or the number, is explained by what each modality adds to it.
    const { temperatures: fitted } = session;
    const written = async (format: "jsonl" | "csv") => {
      const parts: string[] = [];
      await predictTable(session, join(folder.path, "items.csv"), {
        skipBad: false,
        temperatures: fitted,
        explanations: new Explanations(session.explainer(fitted)),
        writer: answerWriter(format, { task: session.task, classes: session.classes, top: 1, all: true }),
        print: (text) => parts.push(text),
      });
      return parts.join("").trim().split("\n");
    };
    let explained = 0;
    for (const line of await written("jsonl")) {
      const { predictions: { fusion }, probabilities, explanation } = JSON.parse(line);
      const labels = task === "regression" ? [explanation] : explanation.labels;
      if (task === "multi_label") {
        const names = fusion.map((one: { class: string }) => one.class).toSorted();
        assert.deepEqual(labels.map((one: { class: string }) => one.class), names);
      }
      for (const { class: name, base, shares } of labels) {
        explained++;
        const value = task === "regression" ? fusion : probabilities.fusion[name];
        assert.ok(Math.abs(base + shares.left + shares.right - value) < 1e-4 * Math.max(1, Math.abs(value)));
      }
    }
    assert.ok(explained > 100);
    const [header, first] = await written("csv");
    assert.match(header!, /,fusion_base,fusion_share\(left\),fusion_share\(right\)$/);
    const cell = "-?[\\d.e-]+", cells = task === "regression" ? cell : `(\\w+ ${cell}(; )?)*`;
    assert.match(first!, new RegExp(`,${cells},${cells},${cells}$`));

    const { kept } = await OpenRun.open(run);
    assert.equal(kept.preprocessing.task, task);
    assert.match((await resume(gpu, run, 13)).join(), /Training ended after 13 epochs/);
    assert.equal((await evaluateRun(gpu, run)).evaluation.samples, evaluation.samples);
  });
}
