import assert from "node:assert/strict";
import { join, resolve } from "node:path";
import { type CurveBand, curves } from "../../src/report/html/curves.ts";
import { byGroup, experimentFigures, readRuns, spreadOf } from "../../src/report/html/experiment_report.ts";
import { SampleStore } from "../../src/report/html/samples.ts";
import { reportPage } from "../../src/report/html/page.ts";
import { reportRun, viewRun } from "../../src/report/html/run_report.ts";
import { exampleRun, inFolder } from "./example.ts";

Deno.test("the report of an experiment has its comparisons, and curves have bands of the standard deviation", () => {
  const comparison = {
    baseline: "AggMM",
    comparison: [
      {
        variant: "A",
        levels: { labels: "Groups" },
        difference: 0.051,
        low: 0.031,
        high: 0.072,
        seeds: [1, 2],
      },
      { variant: "B", levels: { labels: "Groups" }, difference: -0.002, low: -0.02, high: 0.017, seeds: [1] },
    ],
  };
  const { html } = reportPage("x", [], new SampleStore(), { isExperiment: true, comparison });
  const cells = [...html.matchAll(/<t[dh][^>]*>([^<]*)<\/t[dh]>/g)].map(([, text]) => text);
  for (
    const cell of [
      "+5.1",
      "+3.1 to +7.2",
      "better",
      "−0.2",
      "−2.0 to +1.7",
      "no difference can be told",
      "Groups",
    ]
  ) {
    assert.ok(cells.includes(cell), cell);
  }
  const point = (series: string, value: number) => ({
    epoch: 1,
    series,
    split: "validation" as const,
    value,
  });
  const drawn = (bands: CurveBand[], best?: number) =>
    curves({
      name: "x",
      title: "x",
      caption: "x",
      points: [point("a", 0.5), { ...point("a", 0.6), epoch: 2 }],
      order: ["a"],
      y: { label: "share" },
      bands,
      best,
    });
  const plain = drawn([]),
    banded = drawn([1, 2].map((epoch) => ({ epoch, series: "a", low: 0.4, high: 0.7 })), 2);
  assert.ok(!plain.svg.includes("fill-opacity") && banded.svg.includes("fill-opacity"));
  assert.ok(banded.legend.some(({ name }) => name === "epoch 2, whose weights were tested"));
});

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
