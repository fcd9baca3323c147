/** Draws predictions against labels: confusion, scores by class, and the samples that fusion rescues or ruins. */
import * as Plot from "@observablehq/plot";
import type { Answers } from "../../metrics/answers.ts";
import { classScores, confusionMatrix } from "../../metrics/metrics.ts";
import { type Difference, pairedBootstrap } from "../../metrics/bootstrap.ts";
import { NO_ANSWER } from "../../runs/answer_cells.ts";
import { type PredictionTable, rightOf } from "../../runs/predictions.ts";
import { draw, type Figure } from "./figure.ts";
import { f1Figure, marginFor, shortened } from "./f1_figure.ts";
import { colour } from "./palette.ts";

/** Numbers are written into the cells of matrices up to this size. */
const MOST_NUMBERED = 30;

/** Samples by label and prediction of a head; the last one if not given. */
export function confusionFigure(table: PredictionTable, prefix: string, head = table.heads.at(-1)!): Figure {
  const { classes, labels, predicted } = table;
  const counts = confusionMatrix(labels, predicted.get(head)!, classes.length);
  const rows = classes.flatMap((label, i) => {
    const own = counts.subarray(i * classes.length, (i + 1) * classes.length);
    const all = own.reduce((sum, count) => sum + count, 0);
    return classes.map((prediction, j) => ({
      label,
      prediction,
      count: own[j]!,
      share: own[j]! / Math.max(1, all),
    }));
  });
  const found = rows.filter(({ count }) => count > 0);
  const cell = classes.length <= MOST_NUMBERED ? 30 : 14;
  const margin = marginFor(classes);
  const side = margin + cell * classes.length + 20;
  const title = `Confusion matrix of ${head}`;
  const caption =
    "Samples by label (rows) and prediction (columns); the stronger the colour, the larger the share of its row.";
  const svg = draw({
    width: side,
    height: side,
    marginLeft: margin,
    marginBottom: margin,
    marginTop: 20,
    marginRight: 20,
    padding: 0.04,
    x: { domain: classes, tickRotate: -45, label: "prediction", tickFormat: shortened },
    y: { domain: classes, label: "label", tickFormat: shortened },
    marks: [
      Plot.frame({ strokeOpacity: 0.15 }),
      Plot.cell(found, {
        x: "prediction",
        y: "label",
        fill: colour(0),
        // A square root, so that few samples can be seen too; numbers must be read on the strongest.
        fillOpacity: (row: { share: number }) => 0.55 * Math.sqrt(row.share),
        title: (row) =>
          `${row.count} of ${row.label} predicted as ${row.prediction} (${(100 * row.share).toFixed(1)} %)`,
      }),
      ...(classes.length <= MOST_NUMBERED
        ? [Plot.text(found, { x: "prediction", y: "label", text: "count" })]
        : []),
    ],
    opacity: { type: "identity" },
  }, `${title}: ${caption}`);
  return { name: `${prefix}confusion-${head}`, title, caption, svg, rows, legend: [], isWide: true };
}

/** The F1 of every class by head. */
export function classFigure(table: PredictionTable, prefix: string): Figure {
  const { classes, heads } = table;
  const rows = heads.flatMap((head) =>
    scoresOf(table, head).map(({ f1, precision, recall, support }, k) => ({
      class: classes[k]!,
      head,
      f1,
      precision,
      recall,
      support,
    }))
  );
  return f1Figure(rows, { by: "class", names: classes, heads, prefix });
}

/** The rows of samples that fusion turns against the best single modality, which is what one would use without it. */
export interface Turns {
  /** The modality whose head is right most often, the first of equals; undefined where nothing is fused. */
  readonly best: string | undefined;
  /** Fusion is right although that modality is not. */
  readonly rescued: readonly number[];
  /** Fusion is wrong although that modality is right. */
  readonly ruined: readonly number[];
  /** How much more often fusion is right, with its interval. */
  readonly gain: Difference | undefined;
}

/** Finds the rows that fusion turns, the most confident first. */
export function findTurns(table: PredictionTable): Turns {
  const { ids, heads, confidence } = table;
  if (heads.length < 3) return { best: undefined, rescued: [], ruined: [], gain: undefined };
  const correct = heads.map((head) => ({ head, right: rightOf(table, head) }));
  const count = (right: Uint8Array) => right.reduce((sum, one) => sum + one, 0);
  const { right: fused } = correct.at(-1)!;
  const best = correct.slice(0, -1).reduce((a, b) => count(b.right) > count(a.right) ? b : a);
  const ranked = (wanted: number) =>
    Array.from(ids.keys()).filter((row) => fused[row] === wanted && best.right[row] !== wanted)
      .sort((a, b) => confidence[b]! - confidence[a]!);
  return {
    best: best.head,
    rescued: ranked(1),
    ruined: ranked(0),
    gain: ids.length === 0 ? undefined : pairedBootstrap([{ model: fused, baseline: best.right }]),
  };
}

function scoresOf(table: PredictionTable, head: string) {
  const { labels, predicted, classes } = answersOf(table, head);
  return classScores(labels, predicted, classes);
}

/** What a head says of the samples that have its modality. */
export function answersOf(
  { labels, predicted, probabilities, classes }: PredictionTable,
  head: string,
): Answers {
  const own = predicted.get(head)!;
  const isAnswered = (_: number, row: number) => own[row] !== NO_ANSWER;
  return {
    labels: labels.filter(isAnswered),
    classes: classes.length,
    predicted: own.filter(isAnswered),
    probabilities: probabilities.get(head)!.filter((p, i) => isAnswered(p, Math.floor(i / classes.length))),
  };
}

/** The numbers of samples by which heads are right, the most frequent first. */
export function patterns(
  table: PredictionTable,
): { readonly right: readonly boolean[]; readonly count: number }[] {
  const counts = new Map<string, { right: boolean[]; count: number }>();
  const correct = table.heads.map((head) => rightOf(table, head));
  for (const row of table.ids.keys()) {
    const right = correct.map((own) => own[row] === 1);
    const entry = counts.get(right.join()) ?? { right, count: 0 };
    entry.count++;
    counts.set(right.join(), entry);
  }
  return [...counts.values()].sort((a, b) => b.count - a.count);
}
