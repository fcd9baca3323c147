import assert from "node:assert/strict";
import { join, resolve } from "node:path";
import { byGroup, experimentFigures, readRuns, spreadOf } from "../../src/report/html/experiment_report.ts";
import { SampleStore } from "../../src/report/html/samples.ts";
import { reportPage } from "../../src/report/html/page.ts";
import { reportRun, viewRun } from "../../src/report/html/run_report.ts";
import { exampleRun, inFolder } from "./example.ts";

Deno.test("spreadOf() is mean and sample standard deviation", () => {
  assert.deepEqual(spreadOf([2, 4, 4, 4, 5, 5, 7, 9]), { mean: 5, std: Math.sqrt(32 / 7), count: 8 });
  assert.deepEqual(spreadOf([3]), { mean: 3, std: undefined, count: 1 });
});

Deno.test("the report of an experiment compares its methods and links to its runs", () =>
  inFolder(async (folder) => {
    const listed = [
      { name: "first", path: "runs/a", method: "unis-mmc", seed: 1, more: true },
      { name: "second", path: "runs/b", method: "unis-mmc", seed: 2 },
      { name: "third", path: "runs/c", method: "agg-mm", seed: 1 },
    ];
    for (const { path, method, seed } of listed) {
      const { learner } = await exampleRun(folder, path, {
        lift: seed === 1 ? 0 : 0.125,
        settings: [`method=${method}`, `seed=${seed}`],
      });
      learner.dispose();
    }
    Deno.writeTextFileSync(join(folder, "results.json"), JSON.stringify({ runs: listed, tables: [] }));
    const references = readRuns(folder);
    assert.deepEqual(references[0], {
      name: "first",
      path: resolve(folder, "runs/a"),
      method: "unis-mmc",
      seed: 1,
      group: "unis-mmc",
    });
    const runs = await Promise.all(references.map(async ({ name, path, group }, i) => {
      const view = viewRun(path, `run-${i + 1}`, name);
      return {
        group,
        view: await reportRun(view, { missing: "x" }, { samples: new SampleStore(), most: 9, seed: 1 }),
      };
    }));
    assert.deepEqual([...byGroup(runs, ({ title }) => title)], [
      ["unis-mmc", ["first", "second"]],
      ["agg-mm", ["third"]],
    ]);

    const figures = experimentFigures(runs);
    assert.deepEqual(figures.map(({ name }) => name), [
      "methods-image-text",
      "methods-image-text-positive",
      "methods-image-text-semi-positive",
      "methods-image-text-negative",
    ]);
    // The test shares of two runs, averaged; and the validation shares: .25 and .375.
    const share = (i: number) => runs[i]!.view.evaluation!.pairs["image-text"]!.positive;
    assert.deepEqual(figures[0]!.rows[0], {
      method: "unis-mmc",
      type: "both right",
      share: (share(0) + share(1)) / 2,
      runs: 2,
    });
    assert.equal(figures[0]!.rows.length, 6);
    const last = figures[1]!.rows.filter(({ epoch }) => epoch === 3);
    assert.deepEqual(last.map(({ series, value }) => [series, value]), [["unis-mmc", 0.3125], [
      "agg-mm",
      0.25,
    ]]);

    const { html } = reportPage("study", runs, new SampleStore(), {
      isExperiment: true,
      notes: ["x is left out"],
    });
    for (const i of [1, 2, 3]) {
      assert.ok(html.includes(`<a href="#run-${i}">`) && html.includes(`<section id="run-${i}"`));
    }
    const accuracies = [0, 1].map((i) => runs[i]!.view.evaluation!.accuracy.fusion!);
    const { mean, std } = spreadOf(accuracies);
    const three = (value: number) => value.toFixed(3).replace(/^0/, "");
    assert.ok(html.includes(`<td>${three(mean)} ± ${three(std!)}</td>`));
  }));

Deno.test("readRuns() names what is wrong with the list", () =>
  inFolder((folder) => {
    for (
      const [text, message] of [["{", /results\.json/], [
        '{"runs": [{"name": "a"}]}',
        /runs\.0\.path/,
      ]] as const
    ) {
      Deno.writeTextFileSync(join(folder, "results.json"), text);
      assert.throws(() => readRuns(folder), { name: "UserError", message });
    }
    return Promise.resolve();
  }));
