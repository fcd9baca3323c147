import assert from "node:assert/strict";
import { SampleStore } from "../../src/report/html/samples.ts";
import { reportPage } from "../../src/report/html/page.ts";
import { reportRun, viewRun } from "../../src/report/html/run_report.ts";
import { UserError } from "../../src/base/user_error.ts";
import { Explainer } from "../../src/train/explainer.ts";
import { meanRepresentations } from "../../src/train/mean_representations.ts";
import { Predictor } from "../../src/train/predictor.ts";
import { forget, keepData } from "../runs/kept.ts";
import { tinyData } from "../train/tiny.ts";
import { data, exampleRun, inFolder } from "./example.ts";

const NAMES = [
  ...["accuracy", "loss", "consistency-image-text", "learning-rate", "f1", "reliability"],
  "confusion-fusion",
];
const MAPS = ["map-image-text", "map-fusion"];

Deno.test("a report has every figure of a run, and its maps lead to samples with pictures, texts and predictions", () =>
  inFolder(async (folder) => {
    const settings = ["data.rand_augment={}", "data.random_resized_crop={}", "data.scale=0"];
    const { path, learner } = await exampleRun(folder, "one", { settings });
    const samples = new SampleStore();
    const view = await reportRun(viewRun(path, "run-1"), { model: learner, data }, {
      samples,
      most: 20,
      seed: 1,
    });
    learner.dispose();
    const { html, figures } = reportPage("<one>", [{ group: "", view }], samples, { now: new Date(0) });
    assert.deepEqual(figures.map(({ name }) => name), [...NAMES, ...MAPS].map((name) => `run-1-${name}`));
    assert.deepEqual(view.notes, []);

    const { samples: shown, runs } = JSON.parse(
      /<script type="application\/json"[^>]*>(.*)<\/script>/.exec(html)![1]!,
    );
    const { heads, predictions } = runs["run-1"];
    assert.deepEqual(heads, ["image", "text", "fusion"]);
    for (const map of figures.filter(({ run }) => run !== undefined)) {
      const points = [...map.svg.matchAll(/<[^>]*data-sample=[^>]*>/g)].map(([tag]) =>
        ["sample", "class", "modality"].map((name) => new RegExp(`data-${name}="(\\w+)"`).exec(tag)![1]!)
      );
      assert.equal(points.length, 20, map.name);
      for (const [i, [sample, label, modality]] of points.entries()) {
        const row = map.rows[i]!, { id, text, image, label: name } = shown[Number(sample)];
        assert.deepEqual([id, name, modality], [row.id, row.label, row.modality]);
        assert.equal(name, data.classes[Number(label)]);
        assert.ok(text.length > 0 && image.startsWith("data:image/png;base64,iVBOR"));
        assert.deepEqual(predictions[sample!], heads.map((head: string) => row[`${head} predicts`]));
      }
      const spread = new Set(map.rows.map(({ x, y }) => `${x},${y}`));
      assert.ok(spread.size > 10, "points lie on one another");
    }
    const { rows } = figures.find(({ name }) => name === "run-1-confusion-fusion")!;
    assert.equal(rows.reduce((sum, { count }) => sum + Number(count), 0), data.count("test"));

    assert.match(html, /<title>&lt;one&gt;<\/title>/);
    assert.match(html, /x &lt;b&gt; \(software\)/);
    assert.match(
      html,
      /varied by flip 0.5, shift 0.08, word_dropout 0.5, unknown_words 0.1, random_resized_crop 0.08 to 1, rand_augment 2 of 9</,
    );
    assert.ok(!/(src|href)="(?!data:|#)/.test(html), "the page fetches something");
    for (const heading of ["Rescued by fusion", "Ruined by fusion", "Configuration"]) {
      assert.ok(html.includes(heading));
    }
  }));

Deno.test("a report without model or data says what it leaves out", () =>
  inFolder(async (folder) => {
    const { path, learner } = await exampleRun(folder, "one");
    const options = () => ({ samples: new SampleStore(), most: 20, seed: 1 });
    const moved = await reportRun(viewRun(path, "run-1"), { missing: "images/ is gone" }, options());
    assert.deepEqual(moved.figures.map(({ name }) => name), NAMES.map((name) => `run-1-${name}`));
    assert.match(moved.notes[0]!, /left out: images\/ is gone/);
    assert.match(reportPage("x", [{ group: "", view: moved }], new SampleStore()).html, /images\/ is gone/);

    const other = tinyData({ train: 16, validation: 4, test: 31 });
    const { notes, figures } = await reportRun(
      viewRun(path, "run-1"),
      { model: learner, data: other },
      options(),
    );
    assert.match(notes[0]!, /31 test samples now, 30 were tested/);
    assert.equal(figures.length, NAMES.length);
    learner.dispose();

    forget(path, "predictions.csv");
    const untested = await reportRun(viewRun(path, "run-1"), { missing: "" }, options());
    assert.match(untested.notes[0]!, /not been tested/);
    assert.equal(untested.figures.length, 4);
    forget(path, "metrics.jsonl");
    const unborn = await reportRun(viewRun(path, "run-1"), { missing: "" }, options());
    assert.deepEqual(unborn.figures, []);
    assert.match(
      reportPage("x", [{ group: "", view: unborn }], new SampleStore()).html,
      /No epoch has been finished/,
    );
  }));

Deno.test("a report knows which samples were left out of the test, and representations that overflow", () =>
  inFolder(async (folder) => {
    const settings = ["semantics.incomplete_dropped=true", "training.evaluation_batch=8"];
    const { path, learner } = await exampleRun(folder, "one", { settings });
    const view = viewRun(path, "run-1");
    assert.equal(view.table!.ids.length, 24);
    const make = () =>
      reportRun(view, { model: learner, data }, { samples: new SampleStore(), most: 9, seed: 1 });
    const sound = await make();
    assert.deepEqual([sound.notes, sound.figures.length], [[], NAMES.length + MAPS.length]);

    const weights = await learner.readWeights();
    for (const { data } of weights.values()) data.fill(3e38);
    view.run.checkpoints.saveBest(weights, 2, 0.5);
    const { notes, figures } = await make();
    learner.dispose();
    assert.match(notes[0]!, /no finite numbers/);
    assert.equal(figures.length, NAMES.length);
  }));

Deno.test("a report explains the most confident answers, and says what modalities add on average", () =>
  inFolder(async (folder) => {
    const { path, learner } = await exampleRun(folder, "one");
    const view = viewRun(path, "run-1");
    const model = new Predictor(learner.gpu, view.run.config, data);
    learner.dispose();
    const { preprocessing: { modalities } } = keepData(view.run, data);
    const explainer = async () => {
      const means = await meanRepresentations(model, data);
      return new Explainer({ model, modalities, means, temperatures: {} });
    };
    const make = async (explainer: () => Promise<Explainer>) => {
      const samples = new SampleStore();
      const options = { samples, most: 20, seed: 1 };
      const report = await reportRun(view, { model, data, explainer }, options);
      return { report, html: reportPage("x", [{ group: "", view: report }], samples).html };
    };
    const { report, html } = await make(explainer);
    const { table } = view;
    const { right, wrong, drawn } = report.explained!;
    assert.equal(drawn.length, 20);
    for (const [own, isRight] of [[right, true], [wrong, false]] as const) {
      assert.equal(own.length, 6);
      for (const [i, { row, explanation: { told } }] of own.entries()) {
        const { answer, value } = told[0]!;
        assert.equal(answer, table!.predicted.get("fusion")![row]);
        assert.equal(answer === table!.labels[row], isRight);
        assert.ok(Math.abs(value - table!.confidence[row]!) < 1e-5);
        if (i > 0) assert.ok(table!.confidence[row]! <= table!.confidence[own[i - 1]!.row]!);
      }
    }
    assert.equal(html.match(/alt="where image is attended to"/g)?.length, 12);
    const [first] = wrong;
    const tokens = first!.explanation.tokens.text!;
    assert.equal(tokens.map(({ token }) => token).join(" "), data.text("test", first!.row));
    const heaviest = tokens.toSorted((a, b) => b.weight - a.weight)[0]!.token;
    assert.ok(html.includes(`style="--weight:100%">${heaviest}</span>`));
    const all = drawn.reduce((sum, { told }) => sum + told[0]!.shares!.text!, 0) / drawn.length;
    const cells = /<th scope="row">all<\/th>(.*?)<\/tr>/.exec(html)![1]!;
    assert.equal(cells.match(/<td>(.*?)<\/td>/g)![3], `<td>${all.toFixed(3).replace(/^0\./, ".")}</td>`);

    const refused = await make(() => Promise.reject(new UserError("Cannot explain answers of x: y")));
    assert.deepEqual(refused.report.notes, [
      "Why it answers so is left out: Cannot explain answers of x: y.",
    ]);
    assert.ok(!refused.html.includes("Why fusion answers so"));
    assert.deepEqual(refused.report.figures.length, report.figures.length);
    model.dispose();
  }));

Deno.test("the report of a single modality has its map and no word of fusion", () =>
  inFolder(async (folder) => {
    const { path, learner } = await exampleRun(folder, "one", { settings: ["method=image"] });
    const samples = new SampleStore();
    const view = await reportRun(viewRun(path, "run-1"), { model: learner, data }, {
      samples,
      most: 9,
      seed: 1,
    });
    learner.dispose();
    const shown = view.figures.filter(({ name }) => name !== "run-1-reliability");
    assert.deepEqual(shown.slice(-3).map(({ name, rows }) => [name, rows.length]), [
      ["run-1-f1", 3],
      ["run-1-confusion-image", 9],
      ["run-1-map-image", 9],
    ]);
    assert.ok(!reportPage("x", [{ group: "", view }], samples).html.includes("by fusion"));
  }));

Deno.test("the same run gives the same report", () =>
  inFolder(async (folder) => {
    const { path, learner } = await exampleRun(folder, "one");
    const make = async () => {
      const samples = new SampleStore();
      const view = await reportRun(viewRun(path, "run-1"), { model: learner, data }, {
        samples,
        most: 12,
        seed: 1,
      });
      return reportPage("x", [{ group: "", view }], samples, { now: new Date(0) }).html;
    };
    assert.equal(await make() === await make(), true);
    learner.dispose();
  }));
