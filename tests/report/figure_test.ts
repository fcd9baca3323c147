import assert from "node:assert/strict";
import { classFigure, confusionFigure, findTurns, patterns } from "../../src/report/html/predictions.ts";
import { curveFigures } from "../../src/report/html/curves.ts";
import { svgFile, toCsv } from "../../src/report/html/figure.ts";
import { dataUri, html, Markup } from "../../src/report/html/markup.ts";
import { COLOURS, DARK, LIGHT, type Theme } from "../../src/report/html/palette.ts";
import { mapVectors, unit } from "../../src/report/html/tsne.ts";
import type { PredictionTable } from "../../src/runs/predictions.ts";
import { exampleRecord } from "./example.ts";

const table: PredictionTable = {
  ids: ["a", "b", "c", "d", "e"],
  classes: ["x", 'y "<z>"', "w"],
  heads: ["image", "text", "fusion"],
  labels: Uint32Array.of(0, 1, 2, 0, 1),
  predicted: new Map([
    ["image", Uint32Array.of(1, 1, 2, 1, 1)],
    ["text", Uint32Array.of(1, 0, 2, 0, 1)],
    ["fusion", Uint32Array.of(0, 1, 0, 2, 1)],
  ]),
  probabilities: new Map(["image", "text", "fusion"].map((head) => [
    head,
    Float64Array.of(0.5, 0.3, 0.2, 0.05, 0.9, 0.05, 0.8, 0.1, 0.1, 0.1, 0.2, 0.7, 0.2, 0.6, 0.2),
  ])),
  confidence: Float64Array.of(0.5, 0.9, 0.8, 0.7, 0.6),
};

Deno.test("html escapes text, keeps markup, and leaves nothing of what is absent", () => {
  const inner = [html`<b>${"<&\"'"}</b>`, new Markup("<i>")];
  assert.equal(html`${inner}|${undefined}|${false}|${0}`.text, "<b>&lt;&amp;&quot;&#39;</b><i>|||0");
  assert.equal(dataUri("text/csv", "é"), "data:text/csv;base64,w6k=");
});

Deno.test("colours stand out from the page: text by 4.5, marks by 3", () => {
  const luminance = (hex: string) => {
    const [r, g, b] = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16) / 255)
      .map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
  };
  const contrast = (a: string, b: string) => {
    const [high, low] = [luminance(a), luminance(b)].sort((a, b) => b - a);
    return (high! + 0.05) / (low! + 0.05);
  };
  assert.ok(Math.abs(contrast("#777777", "#ffffff") - 4.478) < 0.001);
  const marks = Array.from({ length: COLOURS }, (_, i) => `c${i}`);
  for (const theme of [LIGHT, DARK] as Theme[]) {
    for (const ground of [theme.page!, theme.panel!]) {
      for (const name of ["text", "muted", "link"]) assert.ok(contrast(theme[name]!, ground) >= 4.5, name);
      for (const name of marks) {
        assert.ok(contrast(theme[name]!, ground) >= 3, `${name} ${theme[name]} on ${ground}`);
      }
    }
    assert.equal(new Set(marks.map((name) => theme[name])).size, COLOURS);
  }
  assert.deepEqual(Object.keys(LIGHT), Object.keys(DARK));
});

Deno.test("curveFigures() draws every loss, accuracy, share and rate of every epoch", () => {
  const figures = curveFigures([1, 2, 3].map((epoch) => exampleRecord(epoch)), "r-");
  const valuesOf = (name: string) => figures.find((figure) => figure.name === `r-${name}`)!.rows;
  assert.equal(valuesOf("accuracy").length, 3 * (3 + 3));
  assert.equal(valuesOf("loss").length, 3 * (5 + 3));
  assert.equal(valuesOf("consistency-image-text").length, 3 * (3 + 3));
  assert.equal(valuesOf("learning-rate").length, 3 * 3);
  assert.deepEqual(valuesOf("loss")[0], { epoch: 1, split: "training", series: "total", value: 4 });
  for (const { svg, rows } of figures) {
    assert.equal(svg.match(/<circle /g)?.length, rows.length);
    assert.match(svg, /^<svg (?=[^>]*role="img")(?=[^>]*aria-label="[A-Z])/);
  }
  // Runs of one epoch, and older ones without shares of validation.
  const { validation_pairs: _, ...older } = exampleRecord(1);
  assert.equal(
    curveFigures([older], "r-").find(({ name }) => name === "r-consistency-image-text")!.rows.length,
    3,
  );
  assert.deepEqual(curveFigures([], "r-"), []);
});

Deno.test("a drawing shortens its coordinates, not what it says", () => {
  const { svg } = curveFigures([exampleRecord(1), exampleRecord(2)], "").find(({ name }) =>
    name === "learning-rate"
  )!;
  assert.match(svg, /<title>epoch 2, training, heads: 0\.001000<\/title>/);
  assert.ok(!/(?:cx|cy|d)="[^"]*\.\d{3}/.test(svg));
  const versions = { ...table, classes: ["v1.2345", "v1.2346", "w"] };
  for (const name of versions.classes) {
    assert.ok(confusionFigure(versions, "").svg.includes(`>${name}</text>`));
  }
});

Deno.test("confusion and scores by class are those of the predictions", () => {
  const { rows, svg } = confusionFigure(table, "");
  assert.equal(rows.length, 9);
  assert.deepEqual(
    rows.filter(({ count }) => count !== 0).map((
      { label, prediction, count, share },
    ) => [label, prediction, count, share]),
    [
      ["x", "x", 1, 0.5],
      ["x", "w", 1, 0.5],
      ['y "<z>"', 'y "<z>"', 2, 1],
      ["w", "x", 1, 1],
    ],
  );
  assert.ok(!svg.includes("<z>"));
  const scores = classFigure(table, "").rows;
  assert.equal(scores.length, 9);
  assert.deepEqual(scores.at(-2), {
    class: 'y "<z>"',
    head: "fusion",
    f1: 1,
    precision: 1,
    recall: 1,
    support: 2,
  });
});

Deno.test("findTurns() lists what fusion rescues and ruins against the best single modality, the clearest first", () => {
  // Of equals the first is best, image. a: it is wrong, fusion right. c: it is right, fusion wrong. b and d turn text alone.
  const { gain, ...turns } = findTurns(table);
  assert.deepEqual(turns, { best: "image", rescued: [0], ruined: [2] });
  assert.deepEqual(gain, { difference: 0, low: -0.6, high: 0.6 });
  const labels = table.labels;
  const better = new Map([...table.predicted, ["text", labels]]);
  assert.deepEqual(findTurns({ ...table, predicted: better }).best, "text");
  const nothing = { best: undefined, rescued: [], ruined: [], gain: undefined };
  assert.deepEqual(findTurns({ ...table, heads: ["image"] }), nothing);
  const all = patterns(table);
  assert.equal(all.reduce((sum, { count }) => sum + count, 0), 5);
  assert.deepEqual(all.find(({ right }) => right.join() === "true,true,false"), {
    right: [true, true, false],
    count: 1,
  });
});

Deno.test("figures as files need nothing of the page", () => {
  for (
    const figure of [
      ...curveFigures([exampleRecord(1), exampleRecord(2)], ""),
      classFigure(table, ""),
      confusionFigure(table, ""),
    ]
  ) {
    const file = svgFile(figure);
    assert.ok(!file.includes("var(--c") && !file.includes("var(--text"), figure.name);
    assert.ok(file.startsWith('<svg xmlns="http://www.w3.org/2000/svg"'));
    assert.equal(file.match(/<svg /g)!.length, file.match(/<\/svg>/g)!.length);
    for (const { name } of figure.legend) assert.ok(file.includes(`>${name}</text>`));
  }
  assert.equal(toCsv([{ a: 'x, "y"', b: 0.5 }, { a: "z", b: 1 }]), 'a,b\n"x, ""y""",0.5\nz,1\n');
});

Deno.test("mapVectors() keeps clusters together, and is the same for a seed", async () => {
  const vectors = Array.from(
    { length: 30 },
    (_, i) => Float32Array.of(...[0, 1, 2].map((k) => (k === i % 3 ? 5 : 0) + i / 100)),
  );
  const places = await mapVectors(vectors, 3);
  const distance = (i: number, j: number) =>
    Math.hypot(places[i]![0] - places[j]![0], places[i]![1] - places[j]![1]);
  for (let i = 0; i < 30; i++) {
    const nearest = places.map((_, j) => j).filter((j) => j !== i).sort((a, b) =>
      distance(i, a) - distance(i, b)
    )[0]!;
    assert.equal(nearest % 3, i % 3);
  }
  assert.deepEqual(await mapVectors(vectors, 3), places);
  assert.notDeepEqual((await mapVectors(vectors, 4))[0], places[0]);
  assert.equal((await mapVectors(vectors.slice(0, 2), 3)).length, 2);
  assert.deepEqual([...unit(Float32Array.of(3, 4))].map((x) => x.toFixed(4)), ["0.6000", "0.8000"]);
  assert.deepEqual([...unit(new Float32Array(2))], [0, 0]);
});
