/** Draws curves of the values that change over the epochs of a run. */
import * as Plot from "@observablehq/plot";
import { METRICS } from "../../metrics/chosen_metric.ts";
import type { PairShares } from "../../metrics/metrics.ts";
import type { EpochRecord } from "../../runs/records.ts";
import { draw, type Figure, type LegendEntry, type Row } from "./figure.ts";
import { colour } from "./palette.ts";

/** One value of a series in an epoch. */
export interface CurvePoint {
  readonly epoch: number;
  readonly series: string;
  readonly split: "training" | "validation";
  readonly value: number;
}

/** The spread of a series in an epoch. */
export interface CurveBand {
  readonly epoch: number;
  readonly series: string;
  readonly low: number;
  readonly high: number;
}

/** The types of pairs of predictions, as the paper's Figures 6 and 7 have them. */
export const PAIR_TYPES = [["positive", "both right"], ["semi_positive", "opposite"], [
  "negative",
  "both wrong",
]] as const;

const DASHES = { training: "3,3", validation: undefined } as const;
const WIDTH = 380, HEIGHT = 250;

/**
 * Curves of every loss, every accuracy, the pair types of each two modalities, the learning rates, and the noise of gradients where
 * it was measured; `best` is the epoch
 * whose weights were tested.
 */
export function curveFigures(records: readonly EpochRecord[], prefix: string, best?: number): Figure[] {
  if (records.length === 0) return [];
  const heads = Object.keys(records[0]!.training_accuracy);
  const metric = records.find((record) => record.metric !== undefined)?.metric;
  const figure = (name: string, title: string, caption: string, points: CurvePoint[], y: Plot.ScaleOptions) =>
    curves({
      name: `${prefix}${name}`,
      title,
      caption,
      points,
      order: [...heads, "total", "contrast"],
      y,
      best,
    });
  type Values = Readonly<Record<string, number>>;
  const both = (training: (r: EpochRecord) => Values, validation: (r: EpochRecord) => Values | undefined) =>
    records.flatMap((record) => [
      ...pointsOf(record.epoch, "training", training(record)),
      ...pointsOf(record.epoch, "validation", validation(record) ?? {}),
    ]);
  return [
    figure(
      "accuracy",
      "Accuracy",
      "Share of samples that each head gets right, by epoch.",
      both((r) => r.training_accuracy, (r) => r.validation_accuracy),
      { label: "accuracy", zero: true },
    ),
    ...(metric === undefined || metric === "loss" ? [] : [
      figure(
        "metric",
        capitalised(METRICS[metric].title),
        "Of each head on the validation samples, by epoch: what the weights that were tested are best in.",
        records.flatMap((r) => pointsOf(r.epoch, "validation", r.validation_metric ?? {})),
        { label: METRICS[metric].title, zero: true },
      ),
    ]),
    figure(
      "loss",
      "Loss",
      "Means over the samples: cross entropy of each head; in training also the contrast, unweighted, and the total.",
      both((r) => r.training_loss, (r) => r.validation_loss),
      { label: "loss", zero: true },
    ),
    ...Object.keys(records[0]!.pairs).map((pair) =>
      curves({
        name: `${prefix}consistency-${pair}`,
        title: `Consistency of ${pair}`,
        caption:
          "Share of samples that both modalities get right, one of them (opposite), or neither, by epoch; the " +
          "paper's Figure 6.",
        points: consistency(records, pair),
        order: PAIR_TYPES.map(([, name]) => name),
        y: { label: "share", domain: [0, 1] },
        best,
      })
    ),
    figure(
      "learning-rate",
      "Learning rates",
      "Of each part, at the end of the epoch.",
      records.flatMap((r) => pointsOf(r.epoch, "training", r.learning_rates)).filter(({ value }) =>
        value > 0
      ),
      { label: "learning rate", type: "log", tickFormat: "~e" },
    ),
    ...(records.every(({ gradient_noise }) => gradient_noise === undefined) ? [] : [
      figure(
        "gradient-noise",
        "Noise scale of gradients",
        "The samples of a step at which its gradient's noise is as large as the gradient: much smaller steps gain from more " +
          "samples, much larger ones waste them.",
        records.flatMap((r) =>
          r.gradient_noise === undefined ? [] : pointsOf(r.epoch, "training", { noise: r.gradient_noise })
        ),
        { label: "samples", type: "log" },
      ),
    ]),
  ];
}

const capitalised = (text: string) => text[0]!.toUpperCase() + text.slice(1);

/** The fractions of the pair types of two modalities by epoch; older runs have none of validation. */
export function consistency(records: readonly EpochRecord[], pair: string): CurvePoint[] {
  return records.flatMap(({ epoch, pairs, validation_pairs }) =>
    ([["training", pairs], ["validation", validation_pairs]] as const).flatMap(([split, shares]) =>
      shares?.[pair] === undefined ? [] : pointsOf(epoch, split, namedShares(shares[pair]))
    )
  );
}

export function namedShares(shares: PairShares): Record<string, number> {
  return Object.fromEntries(PAIR_TYPES.map(([key, name]) => [name, shares[key]]));
}

function pointsOf(
  epoch: number,
  split: CurvePoint["split"],
  values: Readonly<Record<string, number>>,
): CurvePoint[] {
  return Object.entries(values).map(([series, value]) => ({ epoch, series, split, value }));
}

/** Draws lines over epochs in a colour a series, dashed in training; `order` gives series their colours. */
export function curves({ name, title, caption, points, order, y, best, bands = [] }: {
  name: string;
  title: string;
  caption: string;
  points: readonly CurvePoint[];
  order: readonly string[];
  y: Plot.ScaleOptions;
  /** The epoch that a line marks. */
  best?: number | undefined;
  /** How far values spread about points: a shade behind the lines. */
  bands?: readonly CurveBand[];
}): Figure {
  const found = [...new Set(points.map(({ series }) => series))];
  const series = [
    ...order.filter((one) => found.includes(one)),
    ...found.filter((one) => !order.includes(one)),
  ];
  const splits = (["validation", "training"] as const).filter((split) =>
    points.some((p) => p.split === split)
  );
  const lastEpoch = Math.max(...points.map(({ epoch }) => epoch));
  const svg = draw({
    width: WIDTH,
    height: HEIGHT,
    marginLeft: 48,
    x: {
      label: "epoch",
      domain: [Math.min(1, lastEpoch - 1, ...points.map(({ epoch }) => epoch)), lastEpoch],
      tickFormat: "d",
      ticks: wholeTicks(lastEpoch),
    },
    y: { grid: true, ...y },
    color: { domain: series, range: series.map((_, i) => colour(i)) },
    marks: [
      Plot.areaY(bands, {
        x: "epoch",
        y1: "low",
        y2: "high",
        z: "series",
        fill: "series",
        fillOpacity: 0.15,
      }),
      ...(best === undefined ? [] : [
        Plot.ruleX([best], {
          stroke: "var(--text)",
          strokeDasharray: "1,3",
          title: () => `epoch ${best}: its weights were tested`,
        }),
      ]),
      ...splits.map((split) =>
        Plot.lineY(points.filter((p) => p.split === split), {
          x: "epoch",
          y: "value",
          z: "series",
          stroke: "series",
          strokeWidth: 1.8,
          ...(DASHES[split] !== undefined && { strokeDasharray: DASHES[split] }),
        })
      ),
      Plot.dot(points, {
        x: "epoch",
        y: "value",
        r: lastEpoch > 25 ? 1.2 : 2.4,
        fill: "series",
        title: (p: CurvePoint) => `epoch ${p.epoch}, ${p.split}, ${p.series}: ${p.value.toPrecision(4)}`,
      }),
    ],
  }, `${title}: ${caption}`);
  const dashes: LegendEntry[] = splits.length < 2 ? [] : splits.map((split) => ({
    name: split,
    colour: "var(--text)",
    ...(DASHES[split] !== undefined && { dash: DASHES[split] }),
  }));
  const marked: LegendEntry[] = best === undefined
    ? []
    : [{ name: `epoch ${best}, whose weights were tested`, colour: "var(--text)", dash: "1,3" }];
  return {
    name,
    title,
    caption,
    svg,
    rows: points.map(({ epoch, split, series, value }): Row => ({ epoch, split, series, value })),
    legend: [...series.map((name, i) => ({ name, colour: colour(i) })), ...dashes, ...marked],
  };
}

/** The epochs to be written at an axis: at most seven, the first among them. */
function wholeTicks(last: number): number[] {
  const step = Math.max(1, Math.ceil(last / 6));
  return Array.from({ length: last }, (_, i) => i + 1).filter((epoch) => epoch === 1 || epoch % step === 0);
}
