/** Draws the predictions of labels and of numbers: the scores of every label, and numbers against those they should be. */
import * as Plot from "@observablehq/plot";
import type { Split } from "../../data/batch.ts";
import type { Answers } from "../../metrics/answers.ts";
import { labelScores } from "../../metrics/tasks/multi_label.ts";
import { answersByHead, type PredictionTable } from "../../runs/predictions.ts";
import { formatCount, formatShare } from "../units.ts";
import { draw, type Figure } from "./figure.ts";
import { html, type Markup } from "./markup.ts";
import { colour } from "./palette.ts";
import { table as tableMarkup } from "./parts.ts";
import { f1Figure, legendOf } from "./f1_figure.ts";

/** Samples that a scatter plot shows of each head, evenly over the split. */
const MOST_POINTS = 1000;
const SIDE = 380;

/** What each head says of the samples that have its modality. */
function answers(table: PredictionTable): ReadonlyMap<string, Answers> {
  return answersByHead({ ...table, split: "test", classes: table.classes.length });
}

/** F1 and average precision of every label by head, in the order of the last head's F1. */
export function labelFigure(table: PredictionTable, prefix: string): Figure {
  const { classes, heads } = table;
  const rows = [...answers(table)].flatMap(([head, own]) =>
    labelScores(own).map(({ f1, precision, recall, support, averagePrecision = "" }, k) => ({
      label: classes[k]!,
      head,
      f1,
      precision,
      recall,
      average_precision: averagePrecision,
      support,
    }))
  );
  return f1Figure(rows, { by: "label", names: classes, heads, prefix });
}

/** Every label's samples by split, and what each head makes of them. */
export function labelTable(
  table: PredictionTable,
  counts: ReadonlyMap<string, Readonly<Record<Split, number>>> | undefined,
): Markup {
  const scores = [...answers(table)].map(([head, own]) => [head, labelScores(own)] as const);
  const last = scores.at(-1)![1];
  return html`<details open><summary>Every label</summary>${
    tableMarkup(
      "Samples that have each label, and its F1 by head; average precision is that of the last head",
      [
        "label",
        ...(counts ? ["train", "validation"] : []),
        "test",
        ...scores.map(([head]) => head),
        "average precision",
      ],
      table.classes.map((name, k) => [
        name,
        ...(counts ? [counts.get(name)?.train ?? 0, counts.get(name)?.validation ?? 0].map(formatCount) : []),
        formatCount(last[k]!.support),
        ...scores.map(([, own]) => formatShare(own[k]!.f1)),
        formatShare(last[k]!.averagePrecision),
      ]),
    )
  }</details>`;
}

/** The number of every test sample by each head, against what it should be. */
export function scatterFigure(table: PredictionTable, prefix: string): Figure {
  const { heads } = table;
  const rows = [...answers(table)].flatMap(([head, { labels, predicted }]) => {
    const step = Math.max(1, labels.length / MOST_POINTS);
    return Array.from({ length: Math.min(labels.length, MOST_POINTS) }, (_, i) => {
      const row = Math.floor(i * step);
      return { head, number: labels[row]!, prediction: predicted[row]! };
    }).filter(({ prediction }) => Number.isFinite(prediction));
  });
  const all = rows.flatMap(({ number, prediction }) => [number, prediction]);
  const [least, most] = [Math.min, Math.max].map((pick) => all.reduce((a, b) => pick(a, b), all[0] ?? 0)) as [
    number,
    number,
  ];
  const title = "Predicted against true numbers";
  const caption = "A dot a test sample and head; on the diagonal the prediction is the number.";
  const svg = draw({
    width: SIDE,
    height: SIDE,
    marginLeft: 56,
    x: { domain: [least, most], grid: true, label: "number" },
    y: { domain: [least, most], grid: true, label: "prediction" },
    color: { domain: heads, range: heads.map((_, i) => colour(i)) },
    symbol: { domain: heads },
    marks: [
      Plot.line([[least, least], [most, most]], { stroke: "var(--text)", strokeOpacity: 0.4 }),
      Plot.dot(rows, {
        x: "number",
        y: "prediction",
        stroke: "head",
        symbol: "head",
        r: 2.6,
        strokeOpacity: 0.8,
        title: ({ head, number, prediction }) => `${head}: ${prediction} where it is ${number}`,
      }),
    ],
  }, `${title}: ${caption}`);
  return { name: `${prefix}numbers`, title, caption, svg, rows, legend: legendOf(heads) };
}
