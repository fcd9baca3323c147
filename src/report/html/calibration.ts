/** Draws how far the probabilities of heads can be believed. */
import * as Plot from "@observablehq/plot";
import { type HeadCalibration, reliability, withTemperature } from "../../metrics/calibration.ts";
import type { Answers } from "../../metrics/answers.ts";
import { TASK_MEASURES } from "../../metrics/tasks/registry.ts";
import type { PredictionTable } from "../../runs/predictions.ts";
import { answersOf } from "./predictions.ts";
import { draw, type Figure, type Row } from "./figure.ts";
import { colour } from "./palette.ts";

/** The two kinds of probabilities, and how their lines are drawn. */
const RAW = "as the head gives them", CALIBRATED = "calibrated";
const DASHES = { [RAW]: "3,3", [CALIBRATED]: undefined } as const;
const SIDE = 380;

/** The reliability diagram of every head: how often answers, or labels, are right by the probability that they are given. */
export function reliabilityFigure(
  table: PredictionTable,
  calibration: Readonly<Record<string, HeadCalibration>>,
  prefix: string,
): Figure {
  const { heads, task = "classification" } = table;
  const asClasses = (answers: Answers) => TASK_MEASURES[task].calibration?.classAnswers(answers) ?? answers;
  const rows = heads.flatMap((head) => {
    const { labels, probabilities: own, classes } = asClasses(answersOf(table, head));
    const temperature = calibration[head]?.temperature;
    const kinds = [
      [RAW, own] as const,
      ...(temperature === undefined
        ? []
        : [[CALIBRATED, withTemperature(own, classes, temperature)] as const]),
    ];
    return kinds.flatMap(([kind, own]) =>
      reliability(labels, own, classes).filter(({ samples }) => samples > 0)
        .map((bin) => ({ head, probabilities: kind, ...bin }))
    );
  });
  const title = "Reliability";
  const caption =
    "How often the answers of each head are right, by the probability that it gives them, in 15 bins of equal width; " +
    "the larger a dot, the more samples. On the diagonal probabilities are what they say; below it they are too high.";
  const found = ([CALIBRATED, RAW] as const).filter((kind) => rows.some((row) => row.probabilities === kind));
  const svg = draw({
    width: SIDE,
    height: SIDE,
    marginLeft: 48,
    x: { domain: [0, 1], grid: true, label: "probability of the answer" },
    y: { domain: [0, 1], grid: true, label: "share that is right" },
    r: { range: [1, 6] },
    color: { domain: heads, range: heads.map((_, i) => colour(i)) },
    marks: [
      Plot.line([[0, 0], [1, 1]], { stroke: "var(--text)", strokeOpacity: 0.4 }),
      ...found.map((kind) =>
        Plot.line(rows.filter((row) => row.probabilities === kind), {
          x: "confidence",
          y: "accuracy",
          z: "head",
          stroke: "head",
          strokeWidth: 1.8,
          ...(DASHES[kind] !== undefined && { strokeDasharray: DASHES[kind] }),
        })
      ),
      Plot.dot(rows, {
        x: "confidence",
        y: "accuracy",
        r: "samples",
        fill: "head",
        fillOpacity: 0.7,
        title: ({ head, probabilities, samples, confidence, accuracy }) =>
          `${head}, ${probabilities}: ${samples} answers of probability ${confidence.toFixed(3)}, ${
            accuracy.toFixed(3)
          } of them right`,
      }),
    ],
  }, `${title}: ${caption}`);
  return {
    name: `${prefix}reliability`,
    title,
    caption,
    svg,
    rows: rows as unknown as Row[],
    legend: [
      ...heads.map((name, i) => ({ name, colour: colour(i) })),
      ...found.map((kind) => ({
        name: kind,
        colour: "var(--text)",
        ...(DASHES[kind] !== undefined && { dash: DASHES[kind] }),
      })),
    ],
  };
}
